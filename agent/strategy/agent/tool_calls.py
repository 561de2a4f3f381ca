"""The calls of a reply: run, observed, journalled; reads beside each other, the rest in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.errors import SandboxError, SandboxLost, SandboxUnavailable
from agent.model.dialects import Repaired
from agent.model.types import ToolCall
from agent.recovery.progress import ProgressMonitor
from agent.recovery.stuck import StuckDetector
from agent.run.run import Run
from agent.run.tool_execution import PendingCall, execute_calls, repair_calls, run_tool
from agent.session.events import Ended, Event, Warned
from agent.strategy.agent.repeated_failures import RepeatedFailures
from agent.strategy.agent.submit_review import SubmitReviewer
from agent.strategy.agent.undo import UndoHistory
from prompts import render
from tools import Observation

_EDITING_TOOLS = {"edit_file", "apply_patch", "write_file"}


class ToolCallRunner:
    """Runs the calls of one session's replies, and notices when they go nowhere.

    Nudges stand in the observation: some chat templates refuse a message between a call's result and the next reply.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stuck = StuckDetector(run.workspace.root)
        self._progress = ProgressMonitor()
        self._history = UndoHistory(run)
        self._reviewer = SubmitReviewer(run)
        self._empty_submit_questioned = False
        self._failing = RepeatedFailures(run)
        self._nudges: list[str] = []  # for the next observation
        self._end: Ended | None = None
        run.tools.context.undo = self._history.undo if "undo" in run.tools.registry.names else None

    async def run_calls(self, calls: Sequence[ToolCall]) -> Ended | None:
        """Run a reply's calls; the end, if one of them was it. Raises `SandboxUnavailable`."""
        run = self._run
        self._stuck.begin_reply()
        may_change = submitted = False
        for group in _groups(run, repair_calls(run, calls)):
            if submitted:
                await execute_calls(run, group, execute=_skip)
            elif group[0].name == "submit":
                submitted = True
                await execute_calls(run, group, execute=self._submit)
            elif _only_reads(run, group[0]):
                await execute_calls(run, group, self._add_nudges)
            else:
                may_change = True
                await execute_calls(run, group, self._add_nudges, self._execute, settle=lambda: _snapshot(run))
            if self._end is not None:
                break
        changed = may_change and self._history.add(run.session.state.workspace.tree or run.workspace.base_tree)
        if changed:
            run.best.set_ending(None)
            await self._history.keep_within_quota()
        self._judge_progress(new_tree=changed and self._history.is_new)
        return self._end

    def _judge_progress(self, *, new_tree: bool) -> None:
        """After a step: without progress for several steps, nudge with the next observation, later end."""
        if new_tree:
            self._stuck.files_changed()
        if self._end is not None:
            return
        stall = self._progress.end_step(changed=new_tree)
        if stall is None:
            return
        if stall.stop:
            self._end = Ended(status="gave_up", reason=stall.reason)
        elif stall.stage == "change":
            self._nudges.append(self._another_approach(stall.kind, stall.count))
        else:
            self._nudges.append(render("nudge_no_progress", kind=stall.kind, count=stall.count))

    def _another_approach(self, kind: str, count: int, cycle: int = 1) -> str:
        names = self._run.tools.registry.names
        return render("nudge_change_approach", kind=kind, count=count, cycle=cycle, names=names)

    async def _execute(self, call: Repaired) -> Observation:
        """Run a call; a nudge about tests that keep failing comes with its observation, not in its result."""
        observation = await run_tool(self._run, call)
        if nudge := await self._failing.nudge(call, observation):
            self._nudges.append(nudge)
        return observation

    def _add_nudges(self, pending: PendingCall, observation: Observation) -> Observation:
        """An observation with a nudge where the same call keeps giving the same result, or there is no progress."""
        name, arguments = pending.name, pending.repaired.arguments
        self._progress.observe(observation.text, edit=name in _EDITING_TOOLS, ok=observation.ok)
        reads = _only_reads(self._run, pending)
        nudges, self._nudges = self._nudges, []
        if name == "undo" and observation.ok:  # one after the other, each goes further back
            return _with_nudges(observation, *nudges)
        stage, count, cycle = self._stuck.observe(name, arguments, observation.text, ok=observation.ok, reads=reads)
        if stage == "stop":
            what = "the same call was" if cycle == 1 else f"the same {cycle} calls were"
            result = "the same result" if cycle == 1 else "the same results"
            self._end = Ended(status="gave_up", reason=f"{what} made {count} times with {result}")
        elif stage == "nudge":
            nudges.append(render("nudge_repeated_call", count=count, cycle=cycle))
        elif stage == "change":
            nudges.append(self._another_approach("repeat", count, cycle))
        return _with_nudges(observation, *nudges)

    async def _submit(self, call: Repaired) -> Observation:
        """Run a submit: one of nothing is questioned once, one of a change is reviewed."""
        run = self._run
        observation = await run_tool(run, call)
        if not observation.ok:
            return observation
        tree = await run.workspace.snapshot()
        summary = str(observation.meta.get("summary", ""))
        if tree == run.workspace.base_tree:
            if not self._empty_submit_questioned:
                self._empty_submit_questioned = True
                return _with_nudges(observation, render("nudge_empty_submit"))
        elif review := await self._reviewer.review(tree, summary):
            return replace(review, meta=observation.meta)
        self._end = Ended(status="submitted", summary=summary)
        return observation


def _with_nudges(observation: Observation, *nudges: str) -> Observation:
    return replace(observation, text="\n\n".join((observation.text, *nudges)))


def _groups(run: Run, calls: Sequence[PendingCall]) -> list[list[PendingCall]]:
    """Calls in order; neighbours that only read are together."""
    groups: list[list[PendingCall]] = []
    for call in calls:
        if groups and all(_only_reads(run, each) for each in (*groups[-1], call)):
            groups[-1].append(call)
        else:
            groups.append([call])
    return groups


def _only_reads(run: Run, call: PendingCall) -> bool:
    return run.tools.registry.reads_only(call.name) and call.name != "submit"


async def _snapshot(run: Run) -> Sequence[Event]:
    """The workspace's snapshot, where it changed; a sandbox that is gone by then is started again.

    One that can't be taken, as on a full disk, ends nothing: a later one may be, and the last change is kept.
    """
    try:
        try:
            return (await run.workspace.take_snapshot())[1]
        except SandboxLost as error:
            await run.workspace.revive(error.message)
            return (await run.workspace.take_snapshot())[1]
    except (SandboxLost, SandboxUnavailable):
        raise
    except SandboxError as error:
        return [Warned(message=f"this step's change is not kept yet: {error.message}")]


async def _skip(_: Repaired) -> Observation:
    return Observation("not run, since it came after submit", ok=False)
