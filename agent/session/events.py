"""Everything that can happen in a session, one type each. The journal is a list of these and nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agent.catalogue.modes import ToolCallMode
from agent.model.types import ToolCall, Usage
from agent.session.results import Result as Result  # noqa: PLC0414 - these are events, or parts of them
from agent.session.results import Seconds as Seconds  # noqa: PLC0414
from agent.session.results import TestOutcome as TestOutcome  # noqa: PLC0414
from agent.session.results import Verification as Verification  # noqa: PLC0414

VERSION = 1


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SessionStarted(_Event):
    """The first event: the task and the settings it is worked on with.

    A fork names the session and the step whose beginning it shares.
    """

    kind: Literal["session_started"] = "session_started"
    session_id: str
    version: str
    issue_title: str
    issue_body: str
    issue_source: str
    repository: str
    base_commit: str
    strategy: str
    settings: dict[str, Any] = {}
    issue_repository: str = ""
    forked_from: str = ""
    forked_at: int = 0


class Resumed(_Event):
    """Another process goes on with the session: how the one before ended, and the seconds that all of them took."""

    kind: Literal["resumed"] = "resumed"
    session_id: str
    version: str
    interrupted: str
    seconds: float = 0.0


class BackendFound(_Event):
    """What answers for the model. Windows in tokens; None is unknown."""

    kind: Literal["backend_found"] = "backend_found"
    base_url: str
    server: str
    model: str
    window: int
    window_held: int | None = None
    window_asked: int | None = None
    window_trained: int | None = None
    tool_calling: str = "native"
    seconds: float = 0.0
    """Until it answered: finding or starting it, with what had to be downloaded for it."""


class SandboxStarted(_Event):
    """Where commands run, and the id of the base tree there."""

    kind: Literal["sandbox_started"] = "sandbox_started"
    sandbox: str
    image: str = ""
    tree: str = ""


class SandboxRestarted(_Event):
    """The sandbox was lost and is back, on the same workspace or the last snapshot."""

    kind: Literal["sandbox_restarted"] = "sandbox_restarted"
    reason: str


class SetupRan(_Event):
    """The environment was prepared (or that failed)."""

    kind: Literal["setup_ran"] = "setup_ran"
    command: str
    exit_code: int
    seconds: float
    output: str
    refused_hosts: list[str] = []
    """Hosts that it asked for and that are not allowed, where only some are."""


class TestFailure(_Event):
    """One failing test: its name as the runner takes it back, what it says, and the places it names.

    `places` are paths from the repository's root with their lines, in the traceback's order.
    """

    __test__ = False
    name: str
    message: str = ""
    text: str = ""
    places: list[tuple[str, int]] = []


class TestsRan(_Event):
    """A test run in its phase; `about` is what it checks, where that is not all tests.

    `passed` is the verdict; counts are None where the runner doesn't tell. `failures` are names, `details` tell more
    of the first of them.
    """

    __test__ = False
    kind: Literal["tests_ran"] = "tests_ran"
    phase: Literal["before", "candidate", "after", "reproduction"]
    command: str
    about: str = ""
    exit_code: int
    passed: bool
    ended: str
    seconds: float
    output: str
    failures: list[str] = []
    tests: int | None = None
    failed: int | None = None
    details: list[TestFailure] = []


class WorkBegan(_Event):
    """All is prepared: the work begins, by this strategy. `flaky` are tests that fail at random at the base commit."""

    kind: Literal["work_began"] = "work_began"
    strategy: Literal["agent", "guided"]
    flaky: list[str] = []


class ReproductionFound(_Event):
    """A command that fails at the base commit and must pass, and the script that it runs."""

    kind: Literal["reproduction_found"] = "reproduction_found"
    command: str
    script: str


class PromptBegan(_Event):
    """A new prompt begins: its messages so far and the tools, as sent. `mode` is how calls are asked for.

    `summary` is the end of the second message, after a compaction: what became of the steps that were taken out.
    """

    kind: Literal["prompt_began"] = "prompt_began"
    mode: ToolCallMode
    messages: list[dict[str, Any]]
    reason: str = "start"
    summary: str = ""


class UserSaid(_Event):
    """A message to the model that no tool gave: a nudge, a question, what the user typed."""

    kind: Literal["user_said"] = "user_said"
    content: str


class ModelReplied(_Event):
    """A whole reply. `parsed` says where the calls were found: native, the name of a dialect, or constrained."""

    kind: Literal["model_replied"] = "model_replied"
    content: str
    reasoning: str = ""
    tool_calls: list[ToolCall] = []
    parsed: str = "native"
    finish_reason: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    purpose: str = "step"


class ToolCalled(_Event):
    """Intent: this call is about to run."""

    kind: Literal["tool_called"] = "tool_called"
    call: ToolCall


class Observed(_Event):
    """What a call gave. `ok` is false for a refused, failed or interrupted one."""

    kind: Literal["observed"] = "observed"
    call_id: str
    name: str
    ok: bool
    content: str
    seconds: float = 0.0
    meta: dict[str, Any] = {}


class SnapshotTaken(_Event):
    """The workspace changed; its tree now."""

    kind: Literal["snapshot_taken"] = "snapshot_taken"
    tree: str


class PhaseBegan(_Event):
    """A phase of the guided strategy begins: reproduce, localise, repair, validate."""

    kind: Literal["phase_began"] = "phase_began"
    phase: str
    detail: str = ""


class CandidateMade(_Event):
    """A candidate fix and what the tests said of it."""

    kind: Literal["candidate_made"] = "candidate_made"
    number: int
    region: str
    verdict: str


class AttemptBegan(_Event):
    """One of several independent attempts begins, at the base commit in a workspace of its own."""

    kind: Literal["attempt_began"] = "attempt_began"
    number: int
    of: int
    temperature: float | None = None
    seed: int | None = None


class AttemptEnded(_Event):
    """An attempt is over: how, its change, and what that came to (verified, passes, fails, unchanged, ...)."""

    kind: Literal["attempt_ended"] = "attempt_ended"
    number: int
    status: str
    reason: str = ""
    summary: str = ""
    patch: str = ""
    verdict: str


class AttemptChosen(_Event):
    """Which of the attempts is the session's, and why."""

    kind: Literal["attempt_chosen"] = "attempt_chosen"
    number: int
    reason: str


class StrategyChanged(_Event):
    """Another strategy takes over; `patch` is the session's change until it has a better one."""

    kind: Literal["strategy_changed"] = "strategy_changed"
    before: Literal["agent", "guided"]
    after: Literal["agent", "guided"]
    reason: str
    patch: str = ""


class Warned(_Event):
    """Something the user should know."""

    kind: Literal["warned"] = "warned"
    message: str


class Ended(_Event):
    """The work ended: why, and what the model said of it. `patch` is its change where the workspace has another.

    `by_trying`: the change was found by trying mechanical changes, and no documented example speaks for it beside the
    tests, so one example that it passes shows little.
    """

    kind: Literal["ended"] = "ended"
    status: Literal["submitted", "gave_up", "budget", "interrupted", "failed"]
    reason: str = ""
    summary: str = ""
    patch: str = ""
    by_trying: bool = False


class Compacted(_Event):
    """The prompt was made shorter, and has begun anew: its tokens before and after, the latest steps it keeps whole.

    `by` is who wrote the summary; `reason` why that was the program, where the model was asked.
    """

    kind: Literal["compacted"] = "compacted"
    before: int
    after: int
    kept: int
    by: Literal["model", "program"]
    reason: str = ""


Event = Annotated[
    SessionStarted
    | Resumed
    | BackendFound
    | SandboxStarted
    | SandboxRestarted
    | SetupRan
    | TestsRan
    | WorkBegan
    | ReproductionFound
    | PromptBegan
    | UserSaid
    | ModelReplied
    | ToolCalled
    | Observed
    | SnapshotTaken
    | PhaseBegan
    | CandidateMade
    | AttemptBegan
    | AttemptEnded
    | AttemptChosen
    | StrategyChanged
    | Warned
    | Ended
    | Result
    | Compacted,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
