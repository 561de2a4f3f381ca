"""Runs tool calls beside each other: intent journalled before, observations after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from agent.errors import SandboxLost, SweAgentError
from agent.model.dialects import Repaired, repair_call
from agent.model.types import ToolCall
from agent.run.context import Work, now
from agent.session.events import Event, Observed, ToolCalled
from tools import Observation


@dataclass(frozen=True)
class Planned:
    """A call as the model made it, and as it is run."""

    call: ToolCall
    run: Repaired


def plan(work: Work, calls: Sequence[ToolCall]) -> list[Planned]:
    """Each call with the name and arguments it is run with: near misses are mended, and the model is told so."""
    schemas = work.registry.parameters()
    return [Planned(call, repair_call(call.name, call.arguments, schemas)) for call in calls]


Look = Callable[[Planned, Observation], Observation]


Act = Callable[[Repaired], Awaitable[Observation]]


Settle = Callable[[], Awaitable[Sequence[Event]]]


async def run_planned(
    work: Work,
    group: Sequence[Planned],
    look: Look = lambda _, seen: seen,
    act: Act | None = None,
    settle: Settle | None = None,
) -> list[Observation]:
    """Run calls beside each other; intent is journalled before, observations after, in order, as `look` gives them.

    `act` does a call, where it is not the tool alone. `settle` gives what the calls left behind: it is journalled with
    the observations, in one piece, so that no call is observed whose effect is not known. Raises `SandboxUnavailable`.
    """
    work.session.emit(*(ToolCalled(call=planned.call) for planned in group))
    results: list[tuple[Observation, float] | None] = [None] * len(group)
    errors: list[SweAgentError] = []

    async def run(number: int, planned: Planned) -> None:
        started = now()
        try:
            results[number] = (await _guarded(work, planned.run, act), now() - started)
        except SweAgentError as error:  # out of a task group it would come as a group
            errors.append(error)

    left: Sequence[Event] = ()
    try:
        async with anyio.create_task_group() as tasks:
            for number, planned in enumerate(group):
                tasks.start_soon(run, number, planned)
        if settle is not None and not errors:
            try:
                with anyio.CancelScope(shield=True):
                    left = await settle()
            except SweAgentError as error:
                errors.append(error)
    finally:
        # what could not be settled stays without an observation: it is one of a call that was interrupted
        observations = [] if errors else _observe(work, group, results, look, left)
    if errors:
        raise errors[0]
    return observations


def _observe(
    work: Work,
    group: Sequence[Planned],
    results: Sequence[tuple[Observation, float] | None],
    look: Look,
    left: Sequence[Event],
) -> list[Observation]:
    """Journal what calls gave; one without a result was interrupted."""
    observations, events = [], []
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
        events.append(event)
        work.meter.add(observation.text)
    work.session.emit(*left, *events)
    return observations


async def _guarded(work: Work, run: Repaired, act: Act | None) -> Observation:
    """Do a call; a sandbox that goes away while it runs is started again."""
    try:
        return await (act(run) if act else _run_call(work, run))
    except SandboxLost as error:
        await work.revive(error.message)
        return Observation(
            "The sandbox went away while this ran and was started again. Files are as they were left; processes "
            "and /tmp are gone. Look at the state of things before you go on.",
            ok=False,
        )


async def _run_call(work: Work, run: Repaired) -> Observation:
    observation = await work.registry.run(work.tools, run.name, run.arguments)
    if run.notes:
        return replace(observation, text=f"({' '.join(run.notes)})\n{observation.text}")
    return observation
