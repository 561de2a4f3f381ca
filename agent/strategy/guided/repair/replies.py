"""Several replies to one question, side by side where the server has slots and reading the prompt anew is quick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anyio

from agent.errors import SweAgentError
from agent.model.types import Reply, Request
from agent.session.live import TextReceived
from agent.strategy.guided.state import GuidedState, Messages


class Replies:
    """Asks for replies, each with a number of its own for its seed, and learns how quick the server is."""

    def __init__(self, guided: GuidedState, numbers: Iterator[int], received: Sequence[Reply] = ()) -> None:
        self._guided = guided
        self._numbers = numbers
        self._received = list(received)

    def side_by_side(self) -> int:
        """How many replies to ask for at once: one where reading the prompt anew takes longer than a reply."""
        slots = self._guided.model.backend.server.can.slots
        timed = [(reply.usage, reply.timings) for reply in self._received if reply.timings and reply.timings.read]
        if not timed:
            return slots
        longest = max((timings for _, timings in timed), key=lambda timings: timings.read)
        usage, last = timed[-1]
        reading = longest.read_seconds / longest.read * usage.prompt_tokens
        return slots if reading < last.generated_seconds else 1

    async def ask(self, messages: Messages, tokens: int, temperatures: Sequence[float]) -> list[Reply]:
        """A journalled reply of at most `tokens` for each temperature. Raises `BackendError`s."""
        model, session = self._guided.model, self._guided.session
        limit = model.reply_tokens(tokens)
        replies: list[Reply | SweAgentError | None] = [None] * len(temperatures)

        async def ask_one(place: int, temperature: float) -> None:
            sampling = model.sampling(temperature, next(self._numbers))
            request = Request(messages=messages, max_tokens=limit, sampling=sampling)
            try:  # of those side by side the first is shown while it comes, the others after it
                replies[place] = await model.ask(request, on_text=_discard if place else None)
            except SweAgentError as error:  # out of a task group it would come as a group
                replies[place] = error

        async with anyio.create_task_group() as tasks:
            for place, temperature in enumerate(temperatures):
                tasks.start_soon(ask_one, place, temperature)
        for reply in replies:
            if isinstance(reply, SweAgentError):
                raise reply
        received = [reply for reply in replies if isinstance(reply, Reply)]
        for place, reply in enumerate(received):
            if place:
                session.publish(TextReceived(reply.content))
            session.emit(model.reply_event(reply, "repair"))
        self._received += received
        return received


def _discard(_: str) -> None:
    """For a text that is shown later."""
