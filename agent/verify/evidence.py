"""The evidence that a patch fixes something: the tests without it and with it, in a clean copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.code.paths import is_test
from agent.repo.diffs import FileDiff, read_diff
from agent.session.events import Ended, Event, TestsRan, Verification
from agent.verify.flaky import find_flaky, passes
from agent.verify.reports.cases import TestReport
from agent.verify.suite import TestRunner, outcome_of
from sandbox.snapshots import Snapshots

_MAX_NAMES = 100


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
    """One run in a clean copy, and what is known of each test."""

    ran: TestsRan
    report: TestReport

    def as_bad_as(self, baseline: TestsRan, allowed: frozenset[str]) -> bool:
        """Whether it passed, or failed in nothing but `allowed` and in the way of the baseline."""
        if self.ran.passed:
            return True
        failing = frozenset(self.report.failing)
        return bool(failing) and failing <= allowed and self.ran.exit_code == baseline.exit_code


@dataclass(frozen=True)
class Verifier:
    """Runs tests in clean copies of the repository; `emit` is told of each run.

    `tests` and `snapshots` are those of a sandbox that the agent could not reach.
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
        known: TestReport | None = None,
        flaky: frozenset[str] = frozenset(),
    ) -> Verification:
        """The tests in a clean copy with the patch applied; beside them, their outcome without it.

        Where all tests pass without the patch (`baseline`), what is new is looked at: `reproduction`, a command that
        was found to fail (`script` is what it runs), else the test files the patch itself brings, run on the code
        as it was. Where tests failed before, they must pass as they were: a patch that changes them is run without
        that too. `known` is the baseline's report: with it each test is compared, and failures as old as the baseline
        don't count; `flaky` tests are neither blamed nor evidence. Raises `SandboxLost`, `PatchRejected`.
        """
        command = f"{reproduction} && {self.tests.command}" if reproduction else self.tests.command
        passed = baseline is None or baseline.passed
        tests = only_tests(patch, files)
        bare: _Run | None = None  # the code as it was, with the reproduction or the patch's own tests
        if reproduction:
            bare = await self._in_clean_copy(b"", "before", command)
        elif baseline is not None and passed and tests:
            bare = await self._in_clean_copy(tests, "before", command)
        after = await self._in_clean_copy(patch, "after", command)
        own = without_changed_tests(patch, files)
        by_test = known is not None and known.complete and after.report.complete and baseline is not None
        kept: _Run | None = None  # with the patch, and the old tests as they were
        if own != patch and not passed and (after.ran.passed or by_test):
            kept = await self._in_clean_copy(own, "after", command)
        before = bare.ran if bare else baseline
        verification = Verification(
            command=command,
            before=outcome_of(before) if before else None,
            after=outcome_of((kept or after).ran),
            reproduction=script,
        )
        if not by_test or baseline is None or known is None or (kept is not None and not kept.report.complete):
            return verification
        compared = _Comparison(self, patch, own, tests, command, baseline, known, after, kept, flaky)
        return await compared.judge(verification, bare, reproduction)

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

    async def repeated(self, patch: bytes, names: Sequence[str]) -> frozenset[str]:
        """Those of these tests that pass when they are run again with the patch."""
        if not names:
            return frozenset()
        await self.snapshots.enter_pristine(patch)
        try:
            return await find_flaky(self.tests, names, "after", self.emit)
        finally:
            await self.snapshots.leave_pristine()


@dataclass
class _Comparison:
    """Test by test: the baseline beside the runs with the patch. docs/decisions/0008-evidence-by-test.md has why."""

    verifier: Verifier
    patch: bytes
    own: bytes
    tests: bytes
    command: str
    baseline: TestsRan
    known: TestReport
    after: _Run
    kept: _Run | None
    flaky: frozenset[str]

    async def judge(self, verification: Verification, bare: _Run | None, reproduction: str) -> Verification:
        """The verification with what each test says."""
        old = frozenset(self.known.failing)
        was_passing = self.known.passing - self.flaky
        new = [name for name in self.after.report.failing if name not in old and name not in self.flaky]
        chance = await self.verifier.repeated(self.patch, new)
        flaky = self.flaky | chance
        lost = was_passing - self.after.report.passing - flaky
        lost -= _under_other_names(lost, self.known, self.after.report)
        if self.kept is None and lost and self.own != self.patch:
            self.kept = await self.verifier._in_clean_copy(self.own, "after", self.command)
        if self.kept is not None:
            lost = (lost if self.baseline.passed else was_passing - flaky) - self.kept.report.passing
            lost -= _under_other_names(lost, self.known, self.kept.report)
            lost -= await self.verifier.repeated(self.own, [each for each in self.kept.report.failing if each in lost])
        final = self.kept or self.after
        fixes = [name for name in self.known.failing if name not in flaky and passes(name, final.report)]
        if bare is None and self.tests and (lost or not fixes):
            bare = await self.verifier._in_clean_copy(self.tests, "before", self.command)
            if not fixes:
                verification = verification.model_copy(update={"before": outcome_of(bare.ran)})
        demanded = self._demanded(bare, flaky) if not reproduction else frozenset()
        # a test that the patch rewrote to demand what it brings does not pass as it was, and need not
        rewritten = self._rewritten(lost - demanded, demanded) if demanded else frozenset()
        broke = sorted((lost - demanded - rewritten) | (frozenset(new) - flaky))
        fixes += sorted(demanded - old)
        shown = bool(fixes) and not broke
        if reproduction and bare is not None:
            shown = not bare.ran.passed and not broke and await self._reproduction_passes(reproduction)
        shown = shown and self.after.as_bad_as(self.baseline, old | flaky)
        if self.kept is not None:
            shown = shown and self.kept.as_bad_as(self.baseline, old | flaky | demanded | rewritten)
        return verification.model_copy(
            update={
                "fixes": fixes[:_MAX_NAMES],
                "broke": broke[:_MAX_NAMES],
                "rewritten": sorted(rewritten)[:_MAX_NAMES],
                "still_failing": [n for n in final.report.failing if n in old and n not in flaky][:_MAX_NAMES],
                "flaky": sorted(flaky)[:_MAX_NAMES],
                "shown": shown,
            }
        )

    def _demanded(self, bare: _Run | None, flaky: frozenset[str]) -> frozenset[str]:
        """What the patch's own tests ask for: they fail on the code as it was, and pass with the patch."""
        if bare is None or not bare.report.failing:
            return frozenset()
        passing = self.after.report.passing
        failed = frozenset(bare.report.failing) & passing
        # a file that could not even be loaded without the patch: all that passes in it now and was not there before
        unloaded = [name for name in bare.report.failing if passes(name, self.after.report) and name not in passing]
        inner = tuple(f"{name}{joint}" for name in unloaded for joint in ("::", "."))
        loaded = frozenset(name for name in passing - self.known.passing if inner and name.startswith(inner))
        return (failed | loaded) - flaky

    def _rewritten(self, lost: frozenset[str], demanded: frozenset[str]) -> frozenset[str]:
        """Old tests that pass in the patch's own form of them, or gave way, in their file, to as many demanded ones."""
        passing, there = self.after.report.passing, {case.id for case in self.after.report.cases}
        gone = Counter(_file(name) for name in lost - there)
        new = Counter(_file(name) for name in demanded)
        replaced = (name for name in lost - there if _file(name) != name and new[_file(name)] >= gone[_file(name)])
        return (lost & passing) | frozenset(replaced)

    async def _reproduction_passes(self, reproduction: str) -> bool:
        if self.after.ran.passed:
            return True
        alone = await self.verifier._in_clean_copy(self.patch, "after", reproduction, "the reproduction")
        return alone.ran.passed


def _file(name: str) -> str:
    """The file in a test's name, where it has one."""
    return name.partition("::")[0]


def _under_other_names(lost: frozenset[str], before: TestReport, after: TestReport) -> frozenset[str]:
    """Of cases that are gone, those whose test has as many that pass as before: the time is in their names, say."""
    had, has = (Counter(name.partition("[")[0] for name in report.passing) for report in (before, after))
    there = {case.id for case in after.cases}
    tests = ((name, name.partition("[")[0]) for name in lost - there if "[" in name)
    return frozenset(name for name, test in tests if has[test] >= had[test])


Status = Literal["fixed", "unverified", "no_patch", "budget", "interrupted", "error"]


def status_of(ended: Ended, has_patch: bool, verification: Verification | None) -> Status:
    """What a session came to. `fixed` only where the tests failed without the patch and pass with it."""
    if ended.status == "interrupted":
        return "interrupted"
    if ended.status == "budget":
        return "budget"
    if ended.status == "failed":
        return "error"
    if not has_patch:
        return "no_patch"
    return "fixed" if ended.status == "submitted" and is_shown(verification) else "unverified"


def is_shown(verification: Verification | None) -> bool:
    """Whether the evidence shows that something is fixed and nothing broken."""
    if verification is None:
        return False
    before, after = verification.before, verification.after
    if verification.shown is not None:
        return verification.shown
    return before is not None and after is not None and not before.passed and after.passed


def why_unverified(verification: Verification | None) -> str:
    """Why a patch does not count as verified, in words for the user."""
    return f"the patch is not verified: {_why(verification)}"


def _why(verification: Verification | None) -> str:
    if verification is None:
        return "no tests were run"
    before, after, command = verification.before, verification.after, verification.command
    why = "the model did not submit it"
    if verification.broke:
        names = ", ".join(verification.broke[:3]) + (", …" if len(verification.broke) > 3 else "")
        why = f"with it these fail or are gone: {names}"
    elif verification.still_failing and not verification.fixes:
        why = f"what failed without it still fails: {verification.still_failing[0]}"
    elif after is None or not after.passed:
        why = f"with it, `{command}` fails"
    elif before is None or before.passed:
        why = f"`{command}` passes with it, but also without it"
    elif verification.shown is False:
        why = "no test that failed without it passes with it"
    return why
