"""The model as an attempt asks it: requests sent, sampling chosen, replies bounded by window and budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.backend import Backend
from agent.config import Settings
from agent.context.budget import TokenMeter, WindowBudget
from agent.errors import BackendRefused
from agent.model.types import Reply, Request, Sampling, Waiting
from agent.session.events import ModelReplied, UserSaid, Warned
from agent.session.live import PromptProcessing, TextReceived
from agent.session.session import Session

UNSUPPORTED_STATUSES = frozenset({400, 404, 415, 422, 500, 501})
"""HTTP statuses by which servers refuse tools, or schemas, that they don't know."""
_SMALLEST_MAX_TOKENS = 16
"""A request's `max_tokens` is never smaller: servers refuse that."""


@dataclass
class ModelSession:
    """Asks one backend on behalf of one session. `meter` estimates the next prompt's tokens."""

    session: Session
    settings: Settings
    backend: Backend
    budget: WindowBudget
    meter: TokenMeter = field(default_factory=TokenMeter)

    @property
    def room(self) -> int:
        """The tokens that the window has left for a reply to the next prompt."""
        return self.budget.window - self.meter.upper_bound

    def add_user_message(self, text: str) -> None:
        """Journal a message to the model that no tool gave; it is part of the next prompt."""
        self.session.emit(UserSaid(content=text))
        self.meter.add(text)

    def reply_tokens(self, wanted: int | None = None) -> int:
        """The most tokens the next reply may have, by what the window has left and the budget."""
        longest = self.budget.longest_reply
        limit = min(wanted or longest, longest, self.room)
        if self.settings.max_tokens:
            limit = min(limit, self.settings.max_tokens - self.session.state.totals.usage.completion_tokens)
        return max(limit, _SMALLEST_MAX_TOKENS)

    def sampling(self, temperature: float, number: int) -> Sampling:
        """The sampling of a candidate: the user's temperature if one was given, and a seed of its own."""
        own = self.backend.sampling
        if self.settings.temperature is not None:
            temperature = self.settings.temperature
        seed = None if own.seed is None else own.seed * 1000 + number
        return replace(own, temperature=temperature, seed=seed)

    async def ask(
        self,
        request: Request,
        on_text: Callable[[str], None] | None = None,
        on_retry: Callable[[str], None] | None = None,
    ) -> Reply:
        """A reply, not journalled yet; its text is published and retries warned of, unless taken by the caller.

        Raises `BackendError`s.
        """
        return await self.backend.client.complete(
            request, on_text or self._publish_text, on_retry or self._warn, self._publish_wait
        )

    async def complete_structured(self, request: Request) -> Reply:
        """A reply held to the request's schema, or where the server does not know schemas, left free."""
        try:
            return await self.ask(request)
        except BackendRefused as error:
            if request.json_schema is None or error.status not in UNSUPPORTED_STATUSES:
                raise
        return await self.ask(replace(request, json_schema=None))

    def reply_event(self, reply: Reply, purpose: str) -> ModelReplied:
        """The event for a reply; `purpose` is `step` for an agent's, else the question it answers."""
        return ModelReplied(
            content=reply.content,
            reasoning=reply.reasoning,
            finish_reason=reply.finish_reason,
            usage=reply.usage,
            seconds=round(reply.seconds, 3),
            purpose=purpose,
            parsed="",
        )

    def _publish_text(self, text: str) -> None:
        self.session.publish(TextReceived(text))

    def _publish_wait(self, waiting: Waiting) -> None:
        self.session.publish(PromptProcessing(waiting.seconds, waiting.done, waiting.total))

    def _warn(self, message: str) -> None:
        self.session.emit(Warned(message=message))
