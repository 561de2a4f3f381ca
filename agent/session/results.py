"""The result of a session: the evidence, the time it took, and the last line of `--json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.model.types import Usage


class _Recorded(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TestOutcome(_Recorded):
    """The outcome of a test run; counts are None if the runner does not report them."""

    __test__ = False
    exit_code: int
    passed: bool
    tests: int | None = None
    failed: int | None = None
    failures: list[str] = []
    seconds: float = 0.0


class Verification(_Recorded):
    """The evidence: a command, and its outcome without and with the patch, each in a clean copy.

    If the runner reports each test: `fixes` fail without the patch and pass with it, `broke` pass without it and fail
    with it, `still_failing` fail with and without it, `flaky` fail and pass at random; `rewritten` are old tests that
    the patch changed or replaced together with the code they test. `shown` says whether that verifies the patch; None
    if only the two outcomes are known, as in older sessions; `reason` says why not. `reproduction` is the script that
    reproduces the issue, if one was found. `own_tests`: the only tests that show it came with the patch.
    `test_configuration` are the patch's files that say how tests run, where it passes only with them.
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
    reason: str = ""
    own_tests: bool = False
    test_configuration: list[str] = []


class Seconds(_Recorded):
    """The seconds that a session took, in all and by what they were spent on; `own` is the program's own time."""

    total: float = 0.0
    model: float = 0.0
    tools: float = 0.0
    own: float = 0.0


class Result(_Recorded):
    """The last event of a session, and the last line of `--json`.

    `left_out` are files whose changes are not in the patch, since they run or steer something. `patch_base64` is the
    patch where that is not UTF-8 text. `branch` and `commit` are where it was delivered, in the last line only.
    """

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
    left_out: list[str] = []
    patch_base64: str | None = None
    branch: str | None = None
    commit: str | None = None
