"""Runs tool calls beside each other: intent journalled before, observations after.

So a call that was interrupted is known as such, and is never run again by itself.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from agent.errors import SandboxLost, SweAgentError
from agent.model.dialects import Repaired, repair_call
from agent.model.types import ToolCall
from agent.run.run import Run
from agent.session.events import Event, Observed, ToolCalled
from tools import Observation


@dataclass(frozen=True)
class PendingCall:
    """A call as the model made it, and as it is run: with its name and arguments repaired."""

    made: ToolCall
    repaired: Repaired

    @property
    def name(self) -> str:
        """The tool that is run."""
        return self.repaired.name


ReviseObservation = Callable[[PendingCall, Observation], Observation]
"""Gives the observation that is journalled for a call, in place of the tool's own."""
Execute = Callable[[Repaired], Awaitable[Observation]]
"""Does a call, where that is more than running its tool."""
Settle = Callable[[], Awaitable[Sequence[Event]]]
"""Gives the events for what calls left behind, as a snapshot of the workspace."""


def repair_calls(run: Run, calls: Sequence[ToolCall]) -> list[PendingCall]:
    """Each call with the name and arguments it is run with: near misses are mended, and the model is shown how."""
    schemas = run.tools.registry.parameters()
    return [PendingCall(call, repair_call(call.name, call.arguments, schemas)) for call in calls]


async def execute_calls(
    run: Run,
    group: Sequence[PendingCall],
    revise: ReviseObservation = lambda _, observation: observation,
    execute: Execute | None = None,
    settle: Settle | None = None,
) -> list[Observation]:
    """Run calls beside each other; intent is journalled before, observations after, in the calls' order.

    The events that `settle` gives are journalled with the observations, in one piece, so that no call is observed
    whose effect is not known. Raises `SandboxUnavailable`.
    """
    run.session.emit(*(ToolCalled(call=pending.made) for pending in group))
    results: list[tuple[Observation, float] | None] = [None] * len(group)
    errors: list[SweAgentError] = []

    async def work_on(number: int, pending: PendingCall) -> None:
        started = time.monotonic()
        try:
            observation = await _execute_guarded(run, pending.repaired, execute)
            results[number] = (observation, time.monotonic() - started)
        except SweAgentError as error:  # out of a task group it would come as a group
            errors.append(error)

    settled: Sequence[Event] = ()
    try:
        async with anyio.create_task_group() as tasks:
            for number, pending in enumerate(group):
                tasks.start_soon(work_on, number, pending)
        if settle is not None and not errors:
            try:
                with anyio.CancelScope(shield=True):
                    settled = await settle()
            except SweAgentError as error:
                errors.append(error)
    finally:
        # what could not be settled stays without an observation: it is one of a call that was interrupted
        observations = [] if errors else _observe(run, group, results, revise, settled)
    if errors:
        raise errors[0]
    return observations


def _observe(
    run: Run,
    group: Sequence[PendingCall],
    results: Sequence[tuple[Observation, float] | None],
    revise: ReviseObservation,
    settled: Sequence[Event],
) -> list[Observation]:
    """Journal what calls gave; one without a result was interrupted."""
    observations, events = [], []
    for pending, result in zip(group, results, strict=True):
        if result is None:
            observation, seconds = Observation("interrupted before it ended", ok=False), 0.0
        else:
            observation, seconds = revise(pending, result[0]), result[1]
        observations.append(observation)
        event = Observed(
            call_id=pending.made.id,
            name=pending.name,
            ok=observation.ok,
            content=observation.text,
            seconds=round(seconds, 3),
            meta=observation.meta,
        )
        events.append(event)
        run.model.meter.add(observation.text)
    run.session.emit(*settled, *events)
    return observations


async def _execute_guarded(run: Run, call: Repaired, execute: Execute | None) -> Observation:
    """Do a call; a sandbox that goes away while it runs is started again."""
    try:
        return await (execute(call) if execute else run_tool(run, call))
    except SandboxLost as error:
        await run.workspace.revive(error.message)
        return Observation(
            "The sandbox went away while this ran and was started again. Files are as they were left; processes "
            "and /tmp are gone. Look at the state of things before you go on.",
            ok=False,
        )


async def run_tool(run: Run, call: Repaired) -> Observation:
    """Run the call's tool; what was repaired in the call stands on top of its observation."""
    observation = await run.tools.registry.run(run.tools.context, call.name, call.arguments)
    if call.notes:
        return replace(observation, text=f"({' '.join(call.notes)})\n{observation.text}")
    return observation
