"""The calls of a reply: run, observed, journalled; reads beside each other, the rest in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from agent.errors import SandboxLost
from agent.model.dialects import Repaired, repair_call
from agent.model.types import ToolCall
from agent.recovery.stuck import StuckDetector
from agent.session.events import Ended, Observed, ToolCalled
from agent.strategy.work import Work, now
from prompts import render
from tools import Observation


@dataclass(frozen=True)
class Planned:
    """A call as the model made it, and as it is run."""

    call: ToolCall
    run: Repaired


class Caller:
    """Runs the calls of one session's replies, and notices when they go nowhere.

    What it has to say to the model stands in the observation: some chat templates refuse a message between a call's
    result and the next reply.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stuck = StuckDetector()
        self._questioned = False  # whether a submit of nothing was asked about
        self._end: Ended | None = None

    async def run(self, calls: Sequence[ToolCall]) -> Ended | None:
        """Run a reply's calls; the end, if one of them was it. Raises `SandboxUnavailable`."""
        work = self._work
        changed = False
        for group in _groups(work, plan(work, calls)):
            if group[0].run.name == "submit":
                await self._submit(group[0])
            else:
                changed = changed or not _only_reads(work, group[0])
                await run_planned(work, group, self._look)
            if self._end is not None:
                break
        if changed:
            await work.snapshot()
        return self._end

    def _look(self, planned: Planned, seen: Observation) -> Observation:
        """An observation with a word to the model where the same call keeps giving the same."""
        verdict, count = self._stuck.observe(planned.run.name, planned.run.arguments, seen.text)
        if verdict == "stop":
            reason = f"the same call was made {count} times with the same result"
            self._end = Ended(status="gave_up", reason=reason)
        return _with(seen, render("nudge_repeat", count=count)) if verdict == "nudge" else seen

    async def _submit(self, planned: Planned) -> None:
        """Run a submit; one of nothing is questioned once."""
        work = self._work
        unchanged = await work.snapshots.take() == work.base_tree

        def look(_: Planned, seen: Observation) -> Observation:
            if not seen.ok:
                return seen
            if unchanged and not self._questioned:
                self._questioned = True
                return _with(seen, render("nudge_empty_submit"))
            self._end = Ended(status="submitted", summary=str(seen.meta.get("summary", "")))
            return seen

        await run_planned(work, [planned], look)


def _with(observation: Observation, word: str) -> Observation:
    return replace(observation, text=f"{observation.text}\n\n{word}")


def plan(work: Work, calls: Sequence[ToolCall]) -> list[Planned]:
    """Each call with the name and arguments it is run with: near misses are mended, and the model is told so."""
    schemas = work.registry.parameters()
    return [Planned(call, repair_call(call.name, call.arguments, schemas)) for call in calls]


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


Look = Callable[[Planned, Observation], Observation]


async def run_planned(work: Work, group: Sequence[Planned], look: Look = lambda _, seen: seen) -> list[Observation]:
    """Run calls beside each other; intent is journalled before, observations after, in order, as `look` gives them."""
    work.session.emit(*(ToolCalled(call=planned.call) for planned in group))
    results: list[tuple[Observation, float] | None] = [None] * len(group)

    async def run(number: int, planned: Planned) -> None:
        started = now()
        results[number] = (await _run_one(work, planned.run), now() - started)

    try:
        async with anyio.create_task_group() as tasks:
            for number, planned in enumerate(group):
                tasks.start_soon(run, number, planned)
    finally:
        observations = []
        for planned, result in zip(group, results, strict=True):
            if result is None:
                observation, seconds = Observation("interrupted before it ended", ok=False), 0.0
            else:
                observation, seconds = look(planned, result[0]), result[1]
            observations.append(observation)
            event = Observed(
                call_id=planned.call.id,
                name=planned.run.name,
                ok=observation.ok,
                content=observation.text,
                seconds=round(seconds, 3),
                meta=observation.meta,
            )
            work.session.emit(event)
            work.meter.added(observation.text)
    return observations


async def _run_one(work: Work, run: Repaired) -> Observation:
    try:
        observation = await work.registry.run(work.tools, run.name, run.arguments)
    except SandboxLost as error:
        await work.revive(error.message)
        return Observation(
            "The sandbox went away while this ran and was started again. Files are as they were left; processes "
            "and /tmp are gone. Look at the state of things before you go on.",
            ok=False,
        )
    if run.notes:
        return replace(observation, text=f"({' '.join(run.notes)})\n{observation.text}")
    return observation
