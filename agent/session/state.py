"""What the events so far add up to: a fold over the journal, the same in the process that writes it and the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
"""The state keeps so many candidates, the latest ones."""
FINISHED = {"submitted", "gave_up"}
"""How the work ends when it is done; after anything else it can go on."""
_OUTCOMES = {"fixed", "unverified", "no_patch"}
_SOURCE_EXIT = 6


@dataclass
class State:
    """The fold. Trees are snapshots' ids, seconds those of all processes that worked on the session."""

    started: SessionStarted | None = None
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    earlier_seconds: float = 0.0  # that processes before this one took in all
    backend_seconds: float = 0.0  # that all of them took until the model answered
    candidates: int = 0
    tried: deque[CandidateMade] = field(default_factory=lambda: deque(maxlen=KEPT_CANDIDATES))
    changes: list[StrategyChanged] = field(default_factory=list)

    sandbox: str = ""  # its kind
    base: str = ""  # the base commit's tree; empty before the repository is in the sandbox
    tree: str = ""  # the workspace's last one; empty is the base commit's
    trees: list[str] = field(default_factory=list)  # the base commit's, and those that undo goes back through
    setups: list[str] = field(default_factory=list)  # commands that prepared the environment, in order
    prepared: set[str] = field(default_factory=set)  # those of them that ran in the workspace there is
    baseline: TestsRan | None = None  # all tests without a change, in the environment there is
    work: WorkBegan | None = None
    reproduction: ReproductionFound | None = None

    prompted: bool = False  # an agent's prompt is there to go on with
    reply: ModelReplied | None = None  # the last one in it
    has_called: bool = False  # whether a reply in it had a call
    open_calls: list[ToolCall] = field(default_factory=list)  # the last reply's that were not observed
    begun_calls: list[str] = field(default_factory=list)  # ids of those of them that began
    before_calls: str = ""  # the tree when they began
    outputs: set[str] = field(default_factory=set)  # files with the outputs of the shell's commands that were observed
    plan: str = ""
    searching: bool = False  # a guided search has begun

    attempts: int = 0
    attempt: AttemptBegan | None = None  # one that is not over
    over: list[AttemptEnded] = field(default_factory=list)
    ended: Ended | None = None
    result: Result | None = None

    def add(self, event: Event) -> None:
        """Take one event."""
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, event)

    @property
    def standing(self) -> str:
        """The tree to go on from: the last one, without what a call did that was not observed. Empty: the base's."""
        return self.before_calls if self.begun_calls else self.tree

    @property
    def apart(self) -> bool:
        """Whether the last tree is that of an attempt in a workspace of its own."""
        return self.attempts > 1 and not self.changes

    @property
    def finished(self) -> str:
        """What a session came to that can't go on; empty for one that can."""
        result = self.result
        if result is None:
            return ""
        if result.status in _OUTCOMES:
            return result.status
        done = self.ended is not None and self.ended.status in FINISHED
        return f"error: {result.error}" if done and result.exit_code == _SOURCE_EXIT else ""

    @property
    def interruption(self) -> str:
        """How the last process ended, in words."""
        if self.result is not None:
            return self.result.error or self.result.status
        return self.ended.reason or self.ended.status if self.ended else "ended without a word"

    def _started(self, event: SessionStarted) -> None:
        self.started = event

    def _resumed(self, event: Resumed) -> None:
        self.earlier_seconds = event.seconds
        self.result = None
        if self.ended is not None and self.ended.status not in FINISHED:
            self.ended = None

    def _backend_found(self, event: BackendFound) -> None:
        self.backend_seconds += event.seconds

    def _sandbox_started(self, event: SandboxStarted) -> None:
        self.sandbox, self.base = event.sandbox, event.tree
        self.trees = list(dict.fromkeys([event.tree, self.standing or event.tree]))  # what else there was is gone
        self.prepared = set()
        if self.work is None:
            self.baseline = None

    def _setup_ran(self, event: SetupRan) -> None:
        self.tool_seconds += event.seconds
        self.prepared.add(event.command)
        if event.command not in self.setups:
            self.setups.append(event.command)
        if self.work is None:
            self.baseline = None

    def _tests_ran(self, event: TestsRan) -> None:
        self.tool_seconds += event.seconds
        if self.work is None and event.phase == "before" and not event.about:
            self.baseline = event

    def _work_began(self, event: WorkBegan) -> None:
        self.work = event

    def _reproduction_found(self, event: ReproductionFound) -> None:
        self.reproduction = event

    def _prompt_began(self, event: PromptBegan) -> None:
        self._forget_prompt()
        self.prompted = True

    def _forget_prompt(self) -> None:
        self.prompted = self.has_called = False
        self.reply = None
        self.open_calls, self.begun_calls = [], []

    def _replied(self, event: ModelReplied) -> None:
        self.steps += 1
        self.usage = self.usage + event.usage
        self.model_seconds += event.seconds
        if event.purpose == "step":
            self.reply = event
            self.has_called = self.has_called or bool(event.tool_calls)
            self.open_calls, self.begun_calls = list(event.tool_calls), []

    def _called(self, event: ToolCalled) -> None:
        if any(call.id == event.call.id for call in self.open_calls):
            if not self.begun_calls:
                self.before_calls = self.tree
            self.begun_calls.append(event.call.id)

    def _observed(self, event: Observed) -> None:
        self.tool_seconds += event.seconds
        if saved := event.meta.get("saved"):
            self.outputs.add(str(saved))
        at = next((at for at, call in enumerate(self.open_calls) if call.id == event.call_id), None)
        if at is not None:
            del self.open_calls[at]
            if event.call_id in self.begun_calls:
                self.begun_calls.remove(event.call_id)
        if event.name == "plan" and event.ok:
            self.plan = "\n".join(line for line in event.content.splitlines() if line.startswith("["))

    def _snapshot_taken(self, event: SnapshotTaken) -> None:
        self.tree = event.tree
        if event.tree in self.trees:  # what came after it was undone
            del self.trees[self.trees.index(event.tree) + 1 :]
        else:
            self.trees.append(event.tree)

    def _phase_began(self, event: PhaseBegan) -> None:
        self.searching = True

    def _candidate_made(self, event: CandidateMade) -> None:
        self.candidates += 1
        self.tried.append(event)

    def _attempt_began(self, event: AttemptBegan) -> None:
        self.attempts = max(self.attempts, event.number)
        self.attempt = event
        self.tree = ""
        self.trees = self.trees[:1]
        self._forget_prompt()

    def _attempt_ended(self, event: AttemptEnded) -> None:
        self.attempt = None
        self.over.append(event)

    def _strategy_changed(self, event: StrategyChanged) -> None:
        self.changes.append(event)
        self.searching = False
        self._forget_prompt()

    def _ended(self, event: Ended) -> None:
        self.ended = event

    def _came_to(self, event: Result) -> None:
        self.result = event


_FOLDS: dict[type, Callable[[State, Any], None]] = {
    SessionStarted: State._started,
    Resumed: State._resumed,
    BackendFound: State._backend_found,
    SandboxStarted: State._sandbox_started,
    SetupRan: State._setup_ran,
    TestsRan: State._tests_ran,
    WorkBegan: State._work_began,
    ReproductionFound: State._reproduction_found,
    PromptBegan: State._prompt_began,
    ModelReplied: State._replied,
    ToolCalled: State._called,
    Observed: State._observed,
    SnapshotTaken: State._snapshot_taken,
    PhaseBegan: State._phase_began,
    CandidateMade: State._candidate_made,
    AttemptBegan: State._attempt_began,
    AttemptEnded: State._attempt_ended,
    StrategyChanged: State._strategy_changed,
    Ended: State._ended,
    Result: State._came_to,
}
