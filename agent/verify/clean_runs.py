"""Test runs in clean copies of the repository, each in a copy of its own that nothing ran in before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import anyio

from agent.session.events import Event, TestsRan
from agent.verify.flaky import find_flaky
from agent.verify.reports.cases import TestReport
from agent.verify.selection import ran_nothing
from agent.verify.suite import TestRunner
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots


@dataclass(frozen=True)
class CleanRun:
    """One run in a clean copy, with the report of each test."""

    ran: TestsRan
    report: TestReport

    def as_bad_as(self, baseline: TestsRan, allowed: frozenset[str]) -> bool:
        """Whether it passed, or failed in nothing but the tests `allowed` and with the baseline's exit code."""
        if self.ran.passed:
            return True
        failing = frozenset(self.report.failing)
        return bool(failing) and failing <= allowed and self.ran.exit_code == baseline.exit_code

    def why_untrusted(self, baseline: TestsRan | None, baseline_report: TestReport | None) -> str:
        """Why its result says nothing, by what the run without the patch showed; empty where it can be relied on.

        What is missing proves nothing: where the test runner signed, reported or counted its tests without the patch,
        it must do so with it.
        """
        report, signed = self.report, baseline_report.signed if baseline_report else None
        if report.signed is False or (signed is not None and report.signed is not True):
            return "the test run with it did not come to its own end: its report is missing or is not the runner's"
        if ran_nothing(self.ran) and not report.passing:
            return "with it, no test runs"
        if baseline_report is not None and baseline_report.complete and not report.complete:
            return "the report of the test run with it is missing or incomplete"
        counted = baseline.tests if baseline is not None and baseline.ended == "exited" else None
        if counted is not None and self.ran.tests is None:
            return "the test run with it does not say how many tests ran"
        return ""


@dataclass(frozen=True)
class CleanRuns:
    """Runs a test command in copies of `sandbox`, which the agent could not reach; `emit` gets the event of each run.

    Of the workspace only the repository and the home are copied; a run can change nothing else.

    `prepare` puts into a copy what a run needs beside the repository.
    """

    sandbox: Sandbox
    command: str
    timeout: float
    emit: Callable[[Event], None]
    prepare: Callable[[Sandbox], Awaitable[None]] | None = None

    async def run(
        self, patch: bytes, phase: Literal["before", "after"], command: str = "", about: str = ""
    ) -> CleanRun:
        """Run `command`, or all tests, with a patch. Raises `SandboxLost`, `SandboxUnavailable`, `PatchRejected`."""
        async with self._copy(patch) as tests:
            ran, report = await tests.run_in_full(phase, command=command, about=about)
        self.emit(ran)
        return CleanRun(ran, report)

    async def repeat(self, patch: bytes, names: Sequence[str]) -> frozenset[str]:
        """Those of the failing tests `names` that pass when they are run again with the patch."""
        if not names:
            return frozenset()
        async with self._copy(patch) as tests:
            return await find_flaky(tests, names, "after", self.emit)

    @asynccontextmanager
    async def _copy(self, patch: bytes) -> AsyncIterator[TestRunner]:
        copy = await self.sandbox.fresh()
        try:
            await Snapshots(copy).apply(patch)
            if self.prepare is not None:
                await self.prepare(copy)
            yield TestRunner(copy, self.command, timeout=self.timeout)
        finally:
            with anyio.CancelScope(shield=True):
                await copy.close(keep=False)
