"""Running the test command in the sandbox, and what its outcome is taken to mean."""

from __future__ import annotations

import shlex
from typing import Literal

from agent.session.events import TestOutcome, TestsRan
from agent.verify.outcome import read_outcome
from sandbox.protocol import ExecResult, Sandbox
from tools.truncate import printable, truncate

_CAPTURE_BYTES = 512 << 10
_RECORD_TOKENS = 4000

Phase = Literal["before", "candidate", "after", "reproduction"]


class TestRunner:
    """Runs one test command in one sandbox."""

    __test__ = False

    def __init__(self, sandbox: Sandbox, command: str, *, timeout: float) -> None:
        self._sandbox = sandbox
        self.command = command
        self._timeout = timeout

    async def execute(self, target: str | None = None, timeout: float | None = None) -> ExecResult:
        """Run the command as it is, or on one target; whole output kept in the sandbox."""
        command = f"{self.command} {shlex.quote(target)}" if target else self.command
        return await self._run(command, timeout)

    async def _run(self, command: str, timeout: float | None) -> ExecResult:
        # a subshell: the tests' own `cd` and `export` must not reach the model's shell
        return await self._sandbox.exec(
            command, timeout=min(timeout or self._timeout, self._timeout), capture=_CAPTURE_BYTES
        )

    async def run(self, phase: Phase, *, command: str = "", about: str = "") -> TestsRan:
        """Run `command`, or all tests, and give the event that tells of it; `about` says what is checked."""
        command = command or self.command
        result = await self._run(command, None)
        text = printable(result.output.text())
        outcome = read_outcome(text)
        return TestsRan(
            phase=phase,
            command=command,
            about=about,
            exit_code=result.exit_code,
            passed=result.ok,
            ended=result.ended,
            seconds=round(result.seconds, 3),
            output=truncate(text, _RECORD_TOKENS),
            failures=list(outcome.failures[:50]),
            tests=outcome.tests,
            failed=outcome.failed,
        )


def outcome_of(event: TestsRan) -> TestOutcome:
    """The outcome as the result tells it."""
    return TestOutcome(
        exit_code=event.exit_code,
        passed=event.passed,
        tests=event.tests,
        failed=event.failed,
        failures=event.failures,
        seconds=event.seconds,
    )


def describe(event: TestsRan) -> str:
    """The outcome in words: "fail: 2 of 14 (a, b)"."""
    if event.ended == "timeout":
        return f"did not end within {event.seconds:.0f} s"
    of = f": {event.failed} of {event.tests}" if event.tests and event.failed else ""
    if event.passed:
        return f"pass ({event.tests} tests)" if event.tests else "pass"
    short = [name.partition(" (")[0] for name in event.failures]
    names = f" ({', '.join(short[:5])}{', …' if len(short) > 5 else ''})" if short else ""
    return f"fail{of}{names}" if of or names else f"fail with exit code {event.exit_code}"
