"""Noticing that changes don't help: the same tests fail after one change and after the next."""

from __future__ import annotations

import re

from agent.errors import PatchRejected
from agent.model.dialects import Repaired
from agent.recovery.call_signature import normalize
from agent.run.context import Work
from agent.text import truncate
from agent.verify.reports.console import failing_id, read_outcome
from prompts import render
from tools import Observation

TOLD_AT = (2, 4, 8, 16)
"""Changes after which the model is told; from the second time on it is to take another approach."""
_RUNS_TESTS = re.compile(r"test|spec|tox|nox|check|jest|mocha|rake|gradle|mvn", re.IGNORECASE)


class SameFailures:
    """Follows the runs of tests of one agent, by `run_tests` and in the shell."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._trees: dict[str, set[str]] = {}  # failing tests → the files' states in which just they failed

    async def word(self, run: Repaired, seen: Observation) -> str:
        """A word to the model on a run of tests, with the change so far; mostly empty. Raises `SandboxLost`."""
        failing = _failing(run, seen)
        if not failing:
            return ""
        work = self._work
        tree = await work.snapshots.take()
        trees = self._trees.setdefault(failing, {work.base_tree})
        if tree in trees:
            return ""
        trees.add(tree)
        count = len(trees) - 1  # the state without a change is none
        if count not in TOLD_AT:
            return ""
        shown = render("nudge_same_failures", count=count, diff=await self._diff(tree))
        change = render("nudge_change", kind="tests", count=count, cycle=1, names=work.registry.names)
        return shown if count == TOLD_AT[0] else f"{shown}\n\n{change}"

    async def _diff(self, tree: str) -> str:
        """The change so far, within a quarter of what an observation may have."""
        try:
            diff = await self._work.snapshots.diff(self._work.base_tree, tree)
        except PatchRejected as error:
            return f"({error.message})"
        return truncate(diff.decode("utf-8", "replace").strip(), self._work.budget.observation // 4)


def _failing(run: Repaired, seen: Observation) -> str:
    """Which tests failed, as a word that is the same for the same ones; empty when none did, or none were run."""
    if run.name == "run_tests":
        if seen.ok or "exit_code" not in seen.meta:  # refused
            return ""
        return str(seen.meta.get("failing") or failing_id([normalize(seen.text)]))
    if run.name != "shell" or not _RUNS_TESTS.search(run.arguments):
        return ""
    outcome = read_outcome(seen.text)
    if outcome.failed and not outcome.failures:
        return failing_id([normalize(seen.text)])
    return failing_id(outcome.failures)
