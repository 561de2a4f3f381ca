"""Asking a model small questions: no retries but for a connection that was lost, and none waited for without end."""

from __future__ import annotations

import time
from dataclasses import dataclass

import anyio

from agent.errors import BackendError, BackendUnreachable
from agent.model.errors import RetryableError
from agent.model.servers import Server
from agent.model.types import Reply, Request

REQUEST_SECONDS = 300.0
"""How long a small question may take before the server counts as silent; no more are asked then."""


@dataclass(frozen=True)
class Asked:
    """A reply, and the seconds until its first text came, None when it had none or the server thought before."""

    reply: Reply
    first_seconds: float | None


class Asker:
    """Asks one server. After a question without an answer in time it asks no more."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._silent: BackendError | None = None

    async def ask(self, request: Request) -> Asked:
        """The reply to a request. Raises `BackendError`s, also those that may be gone next time."""
        if self._silent:
            raise self._silent
        try:
            with anyio.fail_after(REQUEST_SECONDS):
                return await self._sent(request)
        except TimeoutError as error:
            told = f"no answer within {REQUEST_SECONDS:.0f} s to a request for {request.max_tokens} tokens at most"
            self._silent = BackendUnreachable(told)
            raise self._silent from error

    async def _sent(self, request: Request) -> Asked:
        for last in (False, True):
            try:
                return await self._once(request)
            except RetryableError as error:
                # servers close connections that were kept open just when they are used again
                if last or not isinstance(error.error, BackendUnreachable):
                    raise error.error from error
        raise AssertionError("the second time gives a reply or raises")

    async def _once(self, request: Request) -> Asked:
        started = time.monotonic()
        came: list[float] = []

        def heard(_: str) -> None:
            if not came:
                came.append(time.monotonic() - started)

        reply = await self.server.reply(request, heard, lambda _: None)
        return Asked(reply, came[0] if came and not reply.reasoning else None)
