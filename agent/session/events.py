"""Everything that can happen in a session, one type each. The journal is a list of these and nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agent.model.types import Rung, ToolCall, Usage

VERSION = 1


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SessionStarted(_Event):
    """The first event: the task and the settings it is worked on with."""

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


class PromptBegan(_Event):
    """A new prompt begins: its messages so far and the tools, as sent. `mode` is how calls are asked for.

    `summary` is the end of the second message, after a compaction: what became of the steps that were taken out.
    """

    kind: Literal["prompt_began"] = "prompt_began"
    mode: Rung
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
    patch: str = ""


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
    """Another strategy takes over."""

    kind: Literal["strategy_changed"] = "strategy_changed"
    before: Literal["agent", "guided"]
    after: Literal["agent", "guided"]
    reason: str


class Warned(_Event):
    """Something the user should know."""

    kind: Literal["warned"] = "warned"
    message: str


class Ended(_Event):
    """The work ended: why, and what the model said of it."""

    kind: Literal["ended"] = "ended"
    status: Literal["submitted", "gave_up", "budget", "interrupted", "failed"]
    reason: str = ""
    summary: str = ""


class TestOutcome(_Event):
    """A test run as the result tells it."""

    __test__ = False
    exit_code: int
    passed: bool
    tests: int | None = None
    failed: int | None = None
    failures: list[str] = []
    seconds: float = 0.0


class Verification(_Event):
    """The evidence: a command, and its outcome without and with the patch, each in a clean copy.

    Where the runner tells of each test: `fixes` failed without the patch and pass with it, `broke` passed without it
    and don't with it, `still_failing` failed before and after, `flaky` fail and pass at random; `rewritten` are old
    tests that the patch changed or replaced together with what they test. `shown` is what it comes to; None where the
    two outcomes alone decide.
    """

    command: str
    before: TestOutcome | None = None
    after: TestOutcome | None = None
    reproduction: str = ""
    fixes: list[str] = []
    broke: list[str] = []
    rewritten: list[str] = []
    still_failing: list[str] = []
    flaky: list[str] = []
    shown: bool | None = None


class Seconds(_Event):
    """Where the time went."""

    total: float = 0.0
    model: float = 0.0
    tools: float = 0.0
    own: float = 0.0


class Result(_Event):
    """The last event: what came out. The contract's result line."""

    kind: Literal["result"] = "result"
    status: Literal["fixed", "unverified", "no_patch", "budget", "interrupted", "error"]
    exit_code: int
    session_id: str
    patch: str
    files: list[str] = []
    verification: Verification | None = None
    strategy: str = ""
    attempts: int = 1
    steps: int = 0
    usage: Usage = Usage()
    seconds: Seconds = Seconds()
    summary: str = ""
    error: str | None = None


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
    | BackendFound
    | SandboxStarted
    | SandboxRestarted
    | SetupRan
    | TestsRan
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
