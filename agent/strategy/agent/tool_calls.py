"""The calls of a reply: run, observed, journalled; reads beside each other, the rest in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.errors import SandboxLost
from agent.model.dialects import Repaired
from agent.model.types import ToolCall
from agent.recovery.progress import ProgressMonitor
from agent.recovery.stuck import StuckDetector
from agent.run.context import Work
from agent.run.tool_execution import Planned, _run_call, plan, run_planned
from agent.session.events import Ended, Event
from agent.strategy.agent.repeated_failures import SameFailures
from agent.strategy.agent.submit_review import Reviewer
from agent.strategy.agent.undo import History
from prompts import render
from tools import Observation

_EDITS = {"edit_file", "apply_patch", "write_file"}


class Caller:
    """Runs the calls of one session's replies, and notices when they go nowhere.

    What it has to say to the model stands in the observation: some chat templates refuse a message between a call's
    result and the next reply.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stuck = StuckDetector(str(work.sandbox.workspace.repo))
        self._progress = ProgressMonitor()
        self._history = History(work)
        self._reviewer = Reviewer(work)
        self._questioned = False  # whether a submit of nothing was asked about
        self._failing = SameFailures(work)
        self._words: list[str] = []  # to the model, with the next observation
        self._end: Ended | None = None
        work.tools.undo = self._history.undo if "undo" in work.registry.names else None

    async def run(self, calls: Sequence[ToolCall]) -> Ended | None:
        """Run a reply's calls; the end, if one of them was it. Raises `SandboxUnavailable`."""
        work = self._work
        self._stuck.begin_reply()
        changes = submitted = False
        for group in _groups(work, plan(work, calls)):
            if submitted:
                await run_planned(work, group, act=_not_run)
            elif group[0].run.name == "submit":
                submitted = True
                await run_planned(work, group, act=self._submit)
            elif _only_reads(work, group[0]):
                await run_planned(work, group, self._look)
            else:
                changes = True
                await run_planned(work, group, self._look, self._act, settle=lambda: _changed(work))
            if self._end is not None:
                break
        changed = changes and self._history.add(work.session.state.tree or work.base_tree)
        if changed:
            work.fallback = None
            await self._history.keep_within_quota()
        if new := changed and self._history.is_new:
            self._stuck.files_changed()
        if self._end is None and (stall := self._progress.end_step(changed=new)):
            if stall.stop:
                self._end = Ended(status="gave_up", reason=stall.reason)
            elif stall.stage == "change":
                self._words.append(self._another_approach(stall.kind, stall.count))
            else:
                self._words.append(render("nudge_progress", kind=stall.kind, count=stall.count))
        return self._end

    def _another_approach(self, kind: str, count: int, cycle: int = 1) -> str:
        return render("nudge_change", kind=kind, count=count, cycle=cycle, names=self._work.registry.names)

    async def _act(self, run: Repaired) -> Observation:
        """Run a call; a word on tests that go on failing comes with its observation, and is no part of its result."""
        seen = await _run_call(self._work, run)
        if word := await self._failing.word(run, seen):
            self._words.append(word)
        return seen

    def _look(self, planned: Planned, seen: Observation) -> Observation:
        """An observation with a word to the model where the same call keeps giving the same, or nothing moves."""
        name, arguments = planned.run.name, planned.run.arguments
        self._progress.observe(seen.text, edit=name in _EDITS, ok=seen.ok)
        reads = _only_reads(self._work, planned)
        words, self._words = self._words, []
        if name == "undo" and seen.ok:  # one after the other, each goes further back
            return _with(seen, *words)
        stage, count, cycle = self._stuck.observe(name, arguments, seen.text, ok=seen.ok, reads=reads)
        if stage == "stop":
            what = "the same call was" if cycle == 1 else f"the same {cycle} calls were"
            result = "the same result" if cycle == 1 else "the same results"
            self._end = Ended(status="gave_up", reason=f"{what} made {count} times with {result}")
        elif stage == "nudge":
            words.append(render("nudge_repeat", count=count, cycle=cycle))
        elif stage == "change":
            words.append(self._another_approach("repeat", count, cycle))
        return _with(seen, *words)

    async def _submit(self, run: Repaired) -> Observation:
        """Run a submit: one of nothing is questioned once, one of a change is looked at."""
        work = self._work
        seen = await _run_call(work, run)
        if not seen.ok:
            return seen
        tree = await work.snapshot()
        summary = str(seen.meta.get("summary", ""))
        if tree == work.base_tree:
            if not self._questioned:
                self._questioned = True
                return _with(seen, render("nudge_empty_submit"))
        elif shown := await self._reviewer.look(tree, summary):
            return replace(shown, meta=seen.meta)
        self._end = Ended(status="submitted", summary=summary)
        return seen


def _with(observation: Observation, *words: str) -> Observation:
    return replace(observation, text="\n\n".join((observation.text, *words)))


def _groups(work: Work, planned: Sequence[Planned]) -> list[list[Planned]]:
    """Calls in order; neighbours that only read are together."""
    groups: list[list[Planned]] = []
    for one in planned:
        if groups and all(_only_reads(work, each) for each in (*groups[-1], one)):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _only_reads(work: Work, planned: Planned) -> bool:
    return work.registry.reads_only(planned.run.name) and planned.run.name != "submit"


async def _changed(work: Work) -> Sequence[Event]:
    """The workspace's snapshot, where it changed; a sandbox that is gone by then is started again."""
    try:
        return (await work.look())[1]
    except SandboxLost as error:
        await work.revive(error.message)
        return (await work.look())[1]


async def _not_run(_: Repaired) -> Observation:
    return Observation("not run, since it came after submit", ok=False)
