"""Before a submit ends the work: its change, and what the tests say with it, are shown to the model once more."""

from __future__ import annotations

import re
from typing import Literal

import anyio

from agent.errors import PatchRejected
from agent.repo.diffs import read_diff
from agent.run.run import Run
from agent.session.events import Ended, TestsRan
from agent.text import truncate
from agent.verify.failure_digest import digest
from agent.verify.selection import ran_nothing, selections
from agent.verify.suite import describe
from prompts import render
from tools.base import Observation

MAX_REFUSALS = 3
"""Submits that are refused since the tests fail; the one after is taken, as not verified."""
_MAX_FILES_SHOWN = 20
_SCRATCH = re.compile(
    r"^(repro|debug|scratch|tmp|temp|try|check|verify|demo|example|test_issue|test_fix|run_)[^/]*$"
    r"|\.(orig|rej|bak|log|tmp|swp)$|~$",
    re.IGNORECASE,
)

SubmitProblem = Literal["", "still", "broke", "size", "refused"]
"""Why a submit is refused: failing tests fail still, others fail now, the change is too large or against the rules."""


def submit_problem(ran: TestsRan, baseline: TestsRan | None, flaky: frozenset[str] = frozenset()) -> SubmitProblem:
    """Why a run of tests speaks against a change, by the tests' names where they are told."""
    if ran.passed:
        return ""
    before = set(baseline.failures) if baseline and not baseline.passed else set()
    after = set(ran.failures) - flaky
    if ran.failures and after - before:
        return "broke"
    if baseline is None or baseline.passed:
        return "" if ran.failures and ran.ended == "exited" else "broke"
    return "" if ran.failures and before - after else "still"


class SubmitReviewer:
    """Looks at the submits of one agent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tree = ""  # what was looked at last
        self._problem: SubmitProblem = ""
        self._outcome = ""
        self._failures = ""
        self._refusal = ""
        self._left_out: tuple[str, ...] = ()
        self._asked = False
        self._refusals = 0

    async def review(self, tree: str, summary: str) -> Observation | None:
        """What the model is shown in place of the end; None where its submit is taken. Raises `SandboxLost`."""
        if self._refusals >= MAX_REFUSALS:
            return None
        same = tree == self._tree
        diff = await self._diff(tree)
        if not same:
            self._tree = tree
            await self._test()
        if diff is None:
            self._problem = "size"
        else:
            await self._check(diff)
        if not self._problem and self._asked:
            return None
        first, self._asked = not self._asked, True
        if self._problem:
            self._refusals += 1
        else:
            self._run.best.set_ending(Ended(status="submitted", summary=summary))
        return Observation(self._text(diff or b"", first=first, same=same), ok=not self._problem)

    async def _diff(self, tree: str) -> bytes | None:
        """The change; None for one too long to leave the sandbox."""
        try:
            return await self._run.workspace.snapshots.diff(self._run.workspace.base_tree, tree)
        except PatchRejected:
            return None

    async def _check(self, diff: bytes) -> None:
        """Hold the change to the patch policy while the model can still mend it."""
        self._refusal, self._left_out = "", ()
        try:
            self._left_out = (await self._run.verifier.check(diff)).left_out
        except PatchRejected as error:
            self._problem, self._refusal = "refused", error.message

    async def _test(self) -> None:
        """Run what failed before the change, then all tests; stop where that speaks against the change."""
        run, baseline = self._run, self._run.context.baseline.ran
        self._problem, self._outcome, self._failures = "", "", ""
        if run.context.tests is None:
            return
        if baseline is not None and anyio.current_effective_deadline() - anyio.current_time() < 2 * baseline.seconds:
            self._outcome = "were not run again, since little time is left"
            return
        failing = baseline.failures if baseline and not baseline.passed else []
        for selection in selections(run.context.tests.command, failing=failing):
            limit = run.context.tests.limit_after(baseline)
            ran = await run.context.tests.run(
                "candidate", command=selection.command, about=selection.about, limit=limit
            )
            run.session.emit(ran)
            if selection.kind != "all" and ran_nothing(ran):
                continue
            self._problem = submit_problem(ran, baseline, run.context.baseline.flaky)
            self._outcome = describe(ran)
            if not ran.passed:
                self._failures = digest(ran, run.model.budget.observation // 3)
            if self._problem:
                return

    def _text(self, diff: bytes, *, first: bool, same: bool) -> str:
        run = self._run
        added = [file.path for file in read_diff(diff) if file.is_new]
        return render(
            "review_submit",
            trouble=self._problem,
            refusal=self._refusal,
            left_out=self._left_out[:_MAX_FILES_SHOWN],
            same=same,
            title=truncate(run.context.issue.title or run.context.issue.text, 100),
            diff=truncate(diff.decode("utf-8", "replace"), run.model.budget.observation // 2) if first else "",
            added=added[:_MAX_FILES_SHOWN],
            scratch=[path for path in added if _SCRATCH.search(path)][:_MAX_FILES_SHOWN],
            outcome=self._outcome,
            failures=self._failures,
        )
