"""Noticing that changes don't help: the same tests fail after one change and after the next."""

from __future__ import annotations

from agent.errors import PatchRejected
from agent.model.dialects import Repaired
from agent.recovery.call_signature import normalize
from agent.run.run import Run
from agent.text import truncate
from agent.verify.reports.console import failing_id
from agent.verify.runners.registry import may_run_tests, read_console
from prompts import render
from tools import Observation

NUDGE_AT = (2, 4, 8, 16)
"""Changes after which the model is nudged; from the second time on it is to take another approach."""


class RepeatedFailures:
    """Follows the runs of tests of one agent, by `run_tests` and in the shell."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._trees: dict[str, set[str]] = {}  # failing tests → the files' states in which just they failed

    async def nudge(self, call: Repaired, observation: Observation) -> str:
        """What the model is shown of a run whose tests keep failing, with the change so far; mostly empty.

        Raises `SandboxLost`.
        """
        failing = _failing(call, observation)
        if not failing:
            return ""
        run = self._run
        tree = await run.workspace.snapshots.take()
        trees = self._trees.setdefault(failing, {run.workspace.base_tree})
        if tree in trees:
            return ""
        trees.add(tree)
        count = len(trees) - 1  # the state without a change is none
        if count not in NUDGE_AT:
            return ""
        shown = render("nudge_same_failures", count=count, diff=await self._diff(tree))
        change = render("nudge_change_approach", kind="tests", count=count, cycle=1, names=run.tools.registry.names)
        return shown if count == NUDGE_AT[0] else f"{shown}\n\n{change}"

    async def _diff(self, tree: str) -> str:
        """The change so far, within a quarter of what an observation may have."""
        try:
            diff = await self._run.workspace.snapshots.diff(self._run.workspace.base_tree, tree)
        except PatchRejected as error:
            return f"({error.message})"
        return truncate(diff.decode("utf-8", "replace").strip(), self._run.model.budget.observation // 4)


def _failing(call: Repaired, observation: Observation) -> str:
    """Which tests failed, as an id that is the same for the same ones; empty when none did, or none were run."""
    if call.name == "run_tests":
        if observation.ok or "exit_code" not in observation.meta:  # refused
            return ""
        return str(observation.meta.get("failing") or failing_id([normalize(observation.text)]))
    if call.name != "shell" or not may_run_tests(call.arguments):
        return ""
    outcome = read_console(observation.text)
    if outcome.failed and not outcome.failures:
        return failing_id([normalize(observation.text)])
    return failing_id(outcome.failures)
