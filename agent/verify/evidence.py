"""The evidence that a patch fixes something: the tests without it and with it, in clean copies of the repository.

docs/decisions/0008-evidence-by-test.md says why it is by test, and what each rule is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.code.paths import is_test
from agent.repo.diffs import FileDiff, read_diff
from agent.session.events import Event, TestsRan, Verification
from agent.verify.flaky import find_flaky, passes
from agent.verify.reports.cases import TestReport
from agent.verify.suite import TestRunner, outcome_of
from sandbox.snapshots import Snapshots

_MAX_NAMES = 100  # of each kind in the result


def only_tests(patch: bytes, files: Sequence[str]) -> bytes:
    """The part of a patch that changes test files; empty when it changes none, or nothing else.

    `files` are the patch's, in its order.
    """
    chosen = [each.section for each, path in _sections(patch, files) if is_test(path)]
    return b"".join(chosen) if len(chosen) < len(files) else b""


def without_changed_tests(patch: bytes, files: Sequence[str]) -> bytes:
    """The patch without what it does to test files that were there before; new ones stay."""
    return b"".join(each.section for each, path in _sections(patch, files) if each.is_new or not is_test(path))


def _sections(patch: bytes, files: Sequence[str]) -> list[tuple[FileDiff, str]]:
    """The parts of a patch with their paths as git's index has them; none where the two don't agree."""
    parts = read_diff(patch)
    return list(zip(parts, files, strict=True)) if len(parts) == len(files) else []


@dataclass(frozen=True)
class _Run:
    """One run in a clean copy, with the report of each test."""

    ran: TestsRan
    report: TestReport

    def as_bad_as(self, baseline: TestsRan, allowed: frozenset[str]) -> bool:
        """Whether it passed, or failed in nothing but the tests `allowed` and with the baseline's exit code."""
        if self.ran.passed:
            return True
        failing = frozenset(self.report.failing)
        return bool(failing) and failing <= allowed and self.ran.exit_code == baseline.exit_code


@dataclass(frozen=True)
class Verifier:
    """Runs tests in clean copies of the repository; `emit` gets the event of each run.

    `tests` and `snapshots` belong to a sandbox that the agent could not reach.
    """

    tests: TestRunner
    snapshots: Snapshots
    emit: Callable[[Event], None]

    async def verify(
        self,
        patch: bytes,
        files: Sequence[str],
        *,
        baseline: TestsRan | None,
        reproduction: str = "",
        script: str = "",
        baseline_report: TestReport | None = None,
        flaky: frozenset[str] = frozenset(),
    ) -> Verification:
        """The outcome of the tests with the patch, beside that without it.

        `baseline` is the run without the patch. Where it passed, the evidence is `reproduction`, a command that was
        found to fail (`script` is what it runs), else the test files of the patch, run on the base commit. Where it
        failed, the tests must pass as they were: a patch that changes them is run without that change, too.
        With `baseline_report` the tests are compared one by one, and what failed before and still does is no reason
        against the patch; `flaky` tests count neither way. Raises `SandboxLost`, `PatchRejected`.
        """
        command = f"{reproduction} && {self.tests.command}" if reproduction else self.tests.command
        passed = baseline is None or baseline.passed
        patch_tests = only_tests(patch, files)
        patch_tests_on_base: _Run | None = None  # or the reproduction on the base commit
        if reproduction:
            patch_tests_on_base = await self._in_clean_copy(b"", "before", command)
        elif baseline is not None and passed and patch_tests:
            patch_tests_on_base = await self._in_clean_copy(patch_tests, "before", command)
        after = await self._in_clean_copy(patch, "after", command)
        without_old_tests = without_changed_tests(patch, files)
        report = baseline_report
        by_test = report is not None and report.complete and after.report.complete and baseline is not None
        with_original_tests: _Run | None = None
        if without_old_tests != patch and not passed and (after.ran.passed or by_test):
            with_original_tests = await self._in_clean_copy(without_old_tests, "after", command)
        before = patch_tests_on_base.ran if patch_tests_on_base else baseline
        verification = Verification(
            command=command,
            before=outcome_of(before) if before else None,
            after=outcome_of((with_original_tests or after).ran),
            reproduction=script,
        )
        incomplete = with_original_tests is not None and not with_original_tests.report.complete
        if not by_test or baseline is None or report is None or incomplete:
            return verification
        comparison = _Comparison(
            self,
            patch=patch,
            without_old_tests=without_old_tests,
            patch_tests=patch_tests,
            command=command,
            baseline=baseline,
            baseline_report=report,
            after=after,
            with_original_tests=with_original_tests,
            flaky=flaky,
        )
        return await comparison.compare(verification, patch_tests_on_base, reproduction)

    async def _in_clean_copy(
        self, patch: bytes, phase: Literal["before", "after"], command: str, about: str = ""
    ) -> _Run:
        await self.snapshots.enter_pristine(patch)
        try:
            ran, report = await self.tests.run_in_full(phase, command=command, about=about)
        finally:
            await self.snapshots.leave_pristine()
        self.emit(ran)
        return _Run(ran, report)

    async def repeat(self, patch: bytes, names: Sequence[str]) -> frozenset[str]:
        """Those of the failing tests `names` that pass when they are run again with the patch."""
        if not names:
            return frozenset()
        await self.snapshots.enter_pristine(patch)
        try:
            return await find_flaky(self.tests, names, "after", self.emit)
        finally:
            await self.snapshots.leave_pristine()


@dataclass
class _Comparison:
    """The baseline and the runs with the patch, compared test by test."""

    verifier: Verifier
    patch: bytes
    without_old_tests: bytes
    """The patch without its changes to tests that were there before."""
    patch_tests: bytes
    """The part of the patch that changes tests."""
    command: str
    baseline: TestsRan
    baseline_report: TestReport
    after: _Run
    with_original_tests: _Run | None
    flaky: frozenset[str]

    async def compare(
        self, verification: Verification, patch_tests_on_base: _Run | None, reproduction: str
    ) -> Verification:
        """The verification with what each test shows. Raises `SandboxLost`, `PatchRejected`."""
        failed_before = frozenset(self.baseline_report.failing)
        new_failures = [each for each in self.after.report.failing if each not in failed_before | self.flaky]
        flaky = self.flaky | await self.verifier.repeat(self.patch, new_failures)
        lost = await self._lost(flaky)
        final = self.with_original_tests or self.after
        fixes = [each for each in self.baseline_report.failing if each not in flaky and passes(each, final.report)]
        if patch_tests_on_base is None and self.patch_tests and (lost or not fixes):
            patch_tests_on_base = await self.verifier._in_clean_copy(self.patch_tests, "before", self.command)
            if not fixes:
                verification = verification.model_copy(update={"before": outcome_of(patch_tests_on_base.ran)})
        demanded = self._demanded(patch_tests_on_base, flaky) if not reproduction else frozenset()
        # a test that the patch rewrote to demand what it brings does not pass as it was, and need not
        rewritten = self._rewritten(lost - demanded, demanded) if demanded else frozenset()
        broke = sorted((lost - demanded - rewritten) | (frozenset(new_failures) - flaky))
        fixes += sorted(demanded - failed_before)
        shown = bool(fixes) and not broke
        if reproduction and patch_tests_on_base is not None:
            shown = not patch_tests_on_base.ran.passed and not broke and await self._reproduction_passes(reproduction)
        shown = shown and self.after.as_bad_as(self.baseline, failed_before | flaky)
        if self.with_original_tests is not None:
            allowed = failed_before | flaky | demanded | rewritten
            shown = shown and self.with_original_tests.as_bad_as(self.baseline, allowed)
        still_failing = [each for each in final.report.failing if each in failed_before and each not in flaky]
        return verification.model_copy(
            update={
                "fixes": fixes[:_MAX_NAMES],
                "broke": broke[:_MAX_NAMES],
                "rewritten": sorted(rewritten)[:_MAX_NAMES],
                "still_failing": still_failing[:_MAX_NAMES],
                "flaky": sorted(flaky)[:_MAX_NAMES],
                "shown": shown,
            }
        )

    async def _lost(self, flaky: frozenset[str]) -> frozenset[str]:
        """Tests that passed before and don't with the patch, in the form they had before where it changes them."""
        passed_before = self.baseline_report.passing - self.flaky
        lost = passed_before - self.after.report.passing - flaky
        lost -= _renamed(lost, self.baseline_report, self.after.report)
        if self.with_original_tests is None and lost and self.without_old_tests != self.patch:
            self.with_original_tests = await self.verifier._in_clean_copy(self.without_old_tests, "after", self.command)
        if self.with_original_tests is not None:
            report = self.with_original_tests.report
            lost = (lost if self.baseline.passed else passed_before - flaky) - report.passing
            lost -= _renamed(lost, self.baseline_report, report)
            again = [each for each in report.failing if each in lost]
            lost -= await self.verifier.repeat(self.without_old_tests, again)
        return lost

    def _demanded(self, patch_tests_on_base: _Run | None, flaky: frozenset[str]) -> frozenset[str]:
        """The tests of the patch that demand what it brings: they fail on the base commit, and pass with the patch."""
        if patch_tests_on_base is None or not patch_tests_on_base.report.failing:
            return frozenset()
        passing = self.after.report.passing
        failing = patch_tests_on_base.report.failing
        failed = frozenset(failing) & passing
        # a file that could not even be loaded without the patch: all that passes in it now and was not there before
        unloaded = [name for name in failing if passes(name, self.after.report) and name not in passing]
        inner = tuple(f"{name}{joint}" for name in unloaded for joint in ("::", "."))
        new = passing - self.baseline_report.passing
        loaded = frozenset(name for name in new if inner and name.startswith(inner))
        return (failed | loaded) - flaky

    def _rewritten(self, lost: frozenset[str], demanded: frozenset[str]) -> frozenset[str]:
        """Old tests that pass in the patch's form of them, or that as many demanded ones replace in their file."""
        passing, present = self.after.report.passing, {case.id for case in self.after.report.cases}
        gone = Counter(_file(name) for name in lost - present)
        new = Counter(_file(name) for name in demanded)
        replaced = (name for name in lost - present if _file(name) != name and new[_file(name)] >= gone[_file(name)])
        return (lost & passing) | frozenset(replaced)

    async def _reproduction_passes(self, reproduction: str) -> bool:
        if self.after.ran.passed:
            return True
        alone = await self.verifier._in_clean_copy(self.patch, "after", reproduction, "the reproduction")
        return alone.ran.passed


def _file(name: str) -> str:
    """The file in a test's name, where it has one."""
    return name.partition("::")[0]


def _renamed(lost: frozenset[str], before: TestReport, after: TestReport) -> frozenset[str]:
    """Of the cases that are gone those whose test has as many that pass as before: a name can hold the time."""
    before_counts, after_counts = (
        Counter(name.partition("[")[0] for name in report.passing) for report in (before, after)
    )
    present = {case.id for case in after.cases}
    tests = ((name, name.partition("[")[0]) for name in lost - present if "[" in name)
    return frozenset(name for name, test in tests if after_counts[test] >= before_counts[test])
