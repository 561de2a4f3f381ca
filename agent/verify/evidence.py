"""The evidence that a patch fixes something: the tests without it and with it, in clean copies of the repository.

docs/decisions/0008-evidence-by-test.md says why it is by test, and what each rule is for; 0025 what a signed report is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from agent.session.events import Verification
from agent.verify.baseline import Baseline
from agent.verify.clean_runs import CleanRun, CleanRuns
from agent.verify.comparison import Comparison
from agent.verify.configuration_files import files_that_import_the_runner
from agent.verify.examples import count_examples
from agent.verify.patch_parts import PatchParts
from agent.verify.relevance import failures_named
from agent.verify.runners.registry import identify_runner
from agent.verify.selection import ran_nothing
from agent.verify.suite import outcome_of
from agent.verify.tests_in_code import files_with_changed_tests

_MAX_FILES = 20  # in the result
_MIN_EXAMPLES = 2  # for a change that was found by trying: of many, some pass one example by chance


def _collected(command: str, files: Sequence[str]) -> frozenset[str]:
    """Those of the files that unittest's discovery loads as tests, by its pattern, whatever their names say else."""
    if identify_runner(command).runner.section_id is None:  # neither unittest nor Django's
        return frozenset()
    return frozenset(path for path in files if re.search(r"(^|/)test[^/]*\.py$", path))


@dataclass(frozen=True)
class Verifier:
    """Judges patches by test runs; `before` is what is known without one.

    `reproduction` is a command that was found to fail without the patch (`script` is what it runs); `issue` the text
    that says what is to be mended; `repository_files` the paths of the base commit, `read_file` reads one of them.
    """

    runs: CleanRuns
    before: Baseline
    reproduction: str = ""
    script: str = ""
    issue: str = ""
    repository_files: Collection[str] = ()
    read_file: Callable[[str], bytes | None] = lambda path: None

    async def verify(self, patch: bytes, files: Sequence[str], *, by_trying: bool = False) -> Verification:
        """The outcome of the tests with the patch, beside that without it.

        What says how tests run is left out of the patch. Where the tests failed before, they must pass as they were:
        without the patch's changes to tests, and without its new ones. Where they passed, the evidence is the
        reproduction, else the test files of the patch, run on the base commit. A change found `by_trying` needs two
        examples that speak for it. Raises `SandboxLost`, `SandboxUnavailable`, `PatchRejected`.
        """
        command = self.runs.command
        known = [case.id for case in self.before.report.cases] if self.before.report else []
        changed_tests = files_with_changed_tests(patch, known, self._read_text) | _collected(command, files)
        parts = PatchParts.of(
            patch, files, command=command, repository_files=self.repository_files, tests=changed_tests
        )
        found = await self._judge(parts) if parts.deciding or not parts.configuration else None
        if found is not None and found.shown:
            return self._by_one_example(found) if by_trying else found
        left_out = list(parts.configuration[:_MAX_FILES])
        if left_out and (found is None or not found.broke):
            whole = await self._judge(PatchParts(patch, patch, patch, b""))
            if found is None or whole.shown:
                why = f"it changes how tests run: {', '.join(left_out)}"
                return whole.model_copy(update={"shown": False, "reason": why, "test_configuration": left_out})
        assert found is not None
        return found

    async def _judge(self, parts: PatchParts) -> Verification:
        before, tests = self.before, parts.tests if parts.code else b""
        command = f"{self.reproduction} && {self.runs.command}" if self.reproduction else self.runs.command
        tests_on_base: CleanRun | None = None  # or the reproduction on the base commit
        none_before = before.ran is not None and ran_nothing(before.ran)  # as where the patch brings what is named
        if self.reproduction:
            tests_on_base = await self.runs.run(b"", "before", command)
        elif before.ran is not None and (before.passed or none_before) and tests:
            tests_on_base = await self.runs.run(tests, "before", command)
        after = await self.runs.run(parts.deciding, "after", command)
        by_test = before.report is not None and before.report.complete and after.report.complete
        original: CleanRun | None = None
        if parts.code != parts.deciding and not (before.passed or none_before) and (after.ran.passed or by_test):
            original = await self.runs.run(parts.code, "after", command)
        ran_before = tests_on_base.ran if tests_on_base else before.ran
        verification = Verification(
            command=command,
            before=outcome_of(ran_before) if ran_before else None,
            after=outcome_of((original or after).ran),
            reproduction=self.script,
        )
        reason = await self._why_not(parts, [after, *filter(None, [original])])
        if reason:
            return verification.model_copy(update={"shown": False, "reason": reason})
        if not by_test or before.ran is None or before.report is None or (original and not original.report.complete):
            shown = ran_before is not None and not ran_before.passed and (original or after).ran.passed
            own = tests_on_base is not None and not self.reproduction
            shown = shown and not (own and tests_on_base is not None and ran_nothing(tests_on_base.ran))
            return verification.model_copy(update={"shown": shown, "own_tests": own})
        comparison = Comparison(
            self.runs, parts, command, before.ran, before.report, after, original, flaky=before.flaky
        )
        found = await comparison.compare(verification, tests_on_base, reproduction=bool(self.reproduction))
        return self._beside_the_issue(found)

    async def _why_not(self, parts: PatchParts, runs: Sequence[CleanRun]) -> str:
        """Why the runs with the patch are no evidence, whatever their outcome; empty where they can be."""
        importing = files_that_import_the_runner(parts.whole)
        if importing is None or not parts.is_split:
            return "its files can't be told apart: it is too large, or has a path that can't be read"
        if importing:
            return f"code outside the tests imports the test runner: {', '.join(importing[:_MAX_FILES])}"
        for run in runs:
            reason = run.why_untrusted(self.before.ran, self.before.report)
            if reason:
                return reason
        if self.reproduction:
            alone = await self.runs.run(parts.deciding, "after", self.reproduction, "the reproduction")
            if not alone.ran.passed or alone.report.signed is False:
                return "the reproduction of the issue does not pass with it"
        return ""

    def _by_one_example(self, found: Verification) -> Verification:
        """`found`; not shown where less than two examples speak for it."""

        scripts = max(len(re.findall(r"^\s*assert\b", self.script, re.MULTILINE)), 1) if self.reproduction else 0
        if scripts + count_examples(found.fixes, self._read_text) >= _MIN_EXAMPLES:
            return found
        why = "it was found by trying small changes, and one example speaks for it"
        return found.model_copy(update={"shown": False, "reason": why})

    def _read_text(self, path: str) -> str:
        return (self.read_file(path) or b"").decode("utf-8", "replace")

    def _beside_the_issue(self, found: Verification) -> Verification:
        """`found`; not shown where the patch brought the only evidence, and a test that the issue names still fails."""
        before = self.before
        if not found.own_tests or before.ran is None:
            return found
        named = failures_named(self.issue, found.still_failing, before.ran.details)
        if not named or not found.shown:
            return found
        why = f"only tests that it brought itself show it, and what the issue speaks of still fails: {named[0]}"
        return found.model_copy(update={"shown": False, "reason": why})
