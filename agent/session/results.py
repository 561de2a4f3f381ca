"""What a session comes to: the evidence, where the time went, the contract's result line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.model.types import Usage


class _Recorded(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TestOutcome(_Recorded):
    """A test run as the result tells it."""

    __test__ = False
    exit_code: int
    passed: bool
    tests: int | None = None
    failed: int | None = None
    failures: list[str] = []
    seconds: float = 0.0


class Verification(_Recorded):
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


class Seconds(_Recorded):
    """Where the time went."""

    total: float = 0.0
    model: float = 0.0
    tools: float = 0.0
    own: float = 0.0


class Result(_Recorded):
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
