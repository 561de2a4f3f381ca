"""What the events so far add up to: a fold over the journal, the same in the process that writes it and the next.

Each part folds the events that it is about; `State` holds the parts and what concerns several of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from agent.model.types import ToolCall, Usage
from agent.session.events import (
    AttemptBegan,
    AttemptEnded,
    BackendFound,
    CandidateMade,
    Ended,
    Event,
    ModelReplied,
    Observed,
    PhaseBegan,
    PromptBegan,
    ReproductionFound,
    Result,
    Resumed,
    SandboxStarted,
    SessionStarted,
    SetupRan,
    SnapshotTaken,
    StrategyChanged,
    TestsRan,
    ToolCalled,
    WorkBegan,
)

KEPT_CANDIDATES = 12
"""How many candidates the state keeps, the latest ones."""
FINISHED = {"submitted", "gave_up"}
"""The endings after which the work is done; after any other it can go on."""
_FINAL_STATUSES = {"fixed", "unverified", "no_patch"}
_SOURCE_EXIT_CODE = 6


@dataclass
class Totals:
    """Sums over all processes that worked on the session, times in seconds."""

    steps: int = 0
    """Replies of the model, to whatever question."""
    usage: Usage = field(default_factory=Usage)
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    earlier_seconds: float = 0.0
    """What the processes before this one took, all in all."""
    backend_seconds: float = 0.0
    """Until the model answered: finding, loading or downloading it."""

    def fold(self, event: Event) -> None:
        """Take one event."""
        match event:
            case ModelReplied():
                self.steps += 1
                self.usage = self.usage + event.usage
                self.model_seconds += event.seconds
            case SetupRan() | TestsRan() | Observed():
                self.tool_seconds += event.seconds
            case BackendFound():
                self.backend_seconds += event.seconds
            case Resumed():
                self.earlier_seconds = event.seconds


@dataclass
class EnvironmentState:
    """How the repository's environment was prepared, and its tests before any change."""

    setups: list[str] = field(default_factory=list)
    """All commands that prepared it, in order."""
    prepared: set[str] = field(default_factory=set)
    """Those of them that ran in the workspace that is there now."""
    baseline: TestsRan | None = None
    """All tests without a change, in the environment that is there now."""

    def fold(self, event: Event, *, work_began: bool) -> None:
        """Take one event; once the work began, the baseline stays."""
        match event:
            case SandboxStarted():
                self.prepared = set()
            case SetupRan():
                self.prepared.add(event.command)
                if event.command not in self.setups:
                    self.setups.append(event.command)
            case TestsRan(phase="before", about="") if not work_began:
                self.baseline = event
                return
        if isinstance(event, SandboxStarted | SetupRan) and not work_began:
            self.baseline = None


@dataclass
class PromptProgress:
    """An agent's prompt that can be continued, and the tool calls of its last reply."""

    begun: bool = False
    reply: ModelReplied | None = None
    has_called: bool = False
    """Whether a reply in this prompt had a call."""
    open_calls: list[ToolCall] = field(default_factory=list)
    """The last reply's calls that were not observed."""
    started_calls: list[str] = field(default_factory=list)
    """Ids of the open calls that began."""
    outputs: set[str] = field(default_factory=set)
    """Files with the outputs of the shell's commands that were observed, in all prompts."""
    plan: str = ""
    """The latest plan, kept over prompts."""

    def fold(self, event: Event) -> None:
        """Take one event."""
        match event:
            case PromptBegan():
                self._forget()
                self.begun = True
            case AttemptBegan() | StrategyChanged():
                self._forget()
            case ModelReplied(purpose="step"):
                self.reply = event
                self.has_called = self.has_called or bool(event.tool_calls)
                self.open_calls, self.started_calls = list(event.tool_calls), []
            case ToolCalled():
                if any(call.id == event.call.id for call in self.open_calls):
                    self.started_calls.append(event.call.id)
            case Observed():
                self._observed(event)

    def _forget(self) -> None:
        self.begun = self.has_called = False
        self.reply = None
        self.open_calls, self.started_calls = [], []

    def _observed(self, event: Observed) -> None:
        if saved := event.meta.get("saved"):
            self.outputs.add(str(saved))
        at = next((at for at, call in enumerate(self.open_calls) if call.id == event.call_id), None)
        if at is not None:
            del self.open_calls[at]
            if event.call_id in self.started_calls:
                self.started_calls.remove(event.call_id)
        if event.name == "plan" and event.ok:
            self.plan = "\n".join(line for line in event.content.splitlines() if line.startswith("["))


@dataclass
class WorkspaceTrees:
    """The sandbox's kind, and the snapshots of its workspace by their trees' ids."""

    sandbox: str = ""
    base: str = ""
    """The base commit's tree; empty before the repository is in the sandbox."""
    tree: str = ""
    """The workspace's last tree; empty is the base commit's."""
    trees: list[str] = field(default_factory=list)
    """The base commit's, and those that undo goes back through."""
    before_calls: str = ""
    """The tree when the first of the calls that are open now began."""

    def fold(self, event: Event, prompt: PromptProgress) -> None:
        """Take one event, before the prompt does."""
        match event:
            case SandboxStarted():
                resume_tree = self.resume_tree(prompt)
                self.sandbox, self.base = event.sandbox, event.tree
                # of the trees there were, no others are in the new sandbox
                self.trees = list(dict.fromkeys([event.tree, resume_tree or event.tree]))
            case ToolCalled():
                if not prompt.started_calls and any(call.id == event.call.id for call in prompt.open_calls):
                    self.before_calls = self.tree
            case SnapshotTaken():
                self.tree = event.tree
                if event.tree in self.trees:  # what came after it was undone
                    del self.trees[self.trees.index(event.tree) + 1 :]
                else:
                    self.trees.append(event.tree)
            case AttemptBegan():
                self.tree = ""
                self.trees = self.trees[:1]

    def resume_tree(self, prompt: PromptProgress) -> str:
        """The last tree without what a call did that was not observed. Empty: the base commit's."""
        return self.before_calls if prompt.started_calls else self.tree


@dataclass
class GuidedProgress:
    """How far a guided search is: it can't be continued, but what it tried is known."""

    searching: bool = False
    candidates: int = 0
    tried: deque[CandidateMade] = field(default_factory=lambda: deque(maxlen=KEPT_CANDIDATES))
    reproduction: ReproductionFound | None = None

    def fold(self, event: Event) -> None:
        """Take one event."""
        match event:
            case PhaseBegan():
                self.searching = True
            case CandidateMade():
                self.candidates += 1
                self.tried.append(event)
            case ReproductionFound():
                self.reproduction = event
            case StrategyChanged():
                self.searching = False


@dataclass
class AttemptProgress:
    """Several independent attempts: how many began, the one that is not over, and those that are."""

    count: int = 0
    current: AttemptBegan | None = None
    finished: list[AttemptEnded] = field(default_factory=list)

    def fold(self, event: Event) -> None:
        """Take one event."""
        match event:
            case AttemptBegan():
                self.count = max(self.count, event.number)
                self.current = event
            case AttemptEnded():
                self.current = None
                self.finished.append(event)


@dataclass
class State:
    """The whole fold."""

    started: SessionStarted | None = None
    work: WorkBegan | None = None
    strategy_changes: list[StrategyChanged] = field(default_factory=list)
    ended: Ended | None = None
    result: Result | None = None
    totals: Totals = field(default_factory=Totals)
    environment: EnvironmentState = field(default_factory=EnvironmentState)
    workspace: WorkspaceTrees = field(default_factory=WorkspaceTrees)
    prompt: PromptProgress = field(default_factory=PromptProgress)
    guided: GuidedProgress = field(default_factory=GuidedProgress)
    attempts: AttemptProgress = field(default_factory=AttemptProgress)

    def add(self, event: Event) -> None:
        """Take one event."""
        self.totals.fold(event)
        self.environment.fold(event, work_began=self.work is not None)
        self.workspace.fold(event, self.prompt)
        self.prompt.fold(event)
        self.guided.fold(event)
        self.attempts.fold(event)
        match event:
            case SessionStarted():
                self.started = event
            case Resumed():
                self.result = None
                if self.ended is not None and self.ended.status not in FINISHED:
                    self.ended = None
            case WorkBegan():
                self.work = event
            case StrategyChanged():
                self.strategy_changes.append(event)
            case Ended():
                self.ended = event
            case Result():
                self.result = event

    @property
    def resume_tree(self) -> str:
        """The tree to resume from: the last one, without what a call did that was not observed. Empty: the base's."""
        return self.workspace.resume_tree(self.prompt)

    @property
    def in_attempt_workspace(self) -> bool:
        """Whether the last tree is that of an attempt in a workspace of its own."""
        return self.attempts.count > 1 and not self.strategy_changes

    @property
    def finished(self) -> str:
        """The final status of a session that can't go on; empty for one that can."""
        result = self.result
        if result is None:
            return ""
        if result.status in _FINAL_STATUSES:
            return result.status
        done = self.ended is not None and self.ended.status in FINISHED
        return f"error: {result.error}" if done and result.exit_code == _SOURCE_EXIT_CODE else ""

    @property
    def interruption(self) -> str:
        """How the last process ended, in words."""
        if self.result is not None:
            return self.result.error or self.result.status
        return self.ended.reason or self.ended.status if self.ended else "the process ended unexpectedly"
