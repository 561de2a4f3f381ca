"""The baseline and the runs with a patch, compared test by test."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from agent.session.events import TestsRan, Verification
from agent.verify.clean_runs import CleanRun, CleanRuns
from agent.verify.flaky import passes
from agent.verify.patch_parts import PatchParts
from agent.verify.reports.cases import TestReport
from agent.verify.suite import outcome_of

_MAX_NAMES = 100  # of each kind in the result


@dataclass
class Comparison:
    """The baseline and the runs with the patch, compared test by test."""

    runs: CleanRuns
    parts: PatchParts
    command: str
    baseline: TestsRan
    baseline_report: TestReport
    after: CleanRun
    with_original_tests: CleanRun | None
    flaky: frozenset[str]

    async def compare(
        self, verification: Verification, patch_tests_on_base: CleanRun | None, *, reproduction: bool
    ) -> Verification:
        """The verification with what each test shows. Raises `SandboxLost`, `PatchRejected`."""
        failed_before = frozenset(self.baseline_report.failing)
        tests = self.parts.tests if self.parts.code else b""
        new_failures = [each for each in self.after.report.failing if each not in failed_before | self.flaky]
        flaky = self.flaky | await self.runs.repeat(self.parts.deciding, new_failures)
        lost = await self._lost(flaky)
        final = self.with_original_tests or self.after
        fixes = [each for each in self.baseline_report.failing if each not in flaky and passes(each, final.report)]
        if patch_tests_on_base is None and tests and (lost or not fixes):
            patch_tests_on_base = await self.runs.run(tests, "before", self.command)
            if not fixes:
                verification = verification.model_copy(update={"before": outcome_of(patch_tests_on_base.ran)})
        mended = bool(fixes)
        demanded = self._demanded(patch_tests_on_base, flaky) if not reproduction else frozenset()
        # a test that the patch rewrote to demand what it brings does not pass as it was, and need not
        rewritten = self._rewritten(lost - demanded, demanded) if demanded else frozenset()
        broke = sorted((lost - demanded - rewritten) | (frozenset(new_failures) - flaky))
        fixes += sorted(demanded - failed_before)
        own_tests = bool(demanded) and not reproduction and not mended
        shown = bool(fixes) and not broke
        if reproduction and patch_tests_on_base is not None:
            shown = not patch_tests_on_base.ran.passed and not broke
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
                "own_tests": own_tests,
                "shown": shown,
            }
        )

    async def _lost(self, flaky: frozenset[str]) -> frozenset[str]:
        """Tests that passed before and don't with the patch, in the form they had before where it changes them."""
        passed_before = self.baseline_report.passing - self.flaky
        lost = passed_before - self.after.report.passing - flaky
        lost -= _renamed(lost, self.baseline_report, self.after.report)
        if self.with_original_tests is None and lost and self.parts.code != self.parts.deciding:
            self.with_original_tests = await self.runs.run(self.parts.code, "after", self.command)
        if self.with_original_tests is not None:
            report = self.with_original_tests.report
            lost = (lost if self.baseline.passed else passed_before - flaky) - report.passing
            lost -= _renamed(lost, self.baseline_report, report)
            again = [each for each in report.failing if each in lost]
            lost -= await self.runs.repeat(self.parts.code, again)
        return lost

    def _demanded(self, patch_tests_on_base: CleanRun | None, flaky: frozenset[str]) -> frozenset[str]:
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
