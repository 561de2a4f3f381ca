"""Small requests to a model server, each within a time limit and repeated only when its connection was lost."""

from __future__ import annotations

import time
from dataclasses import dataclass

import anyio
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from agent.errors import BackendError, BackendUnreachable
from agent.model.errors import RetryableError
from agent.model.servers import Server
from agent.model.types import Reply, Request

REQUEST_SECONDS = 300.0
"""How long a small request may take before the server counts as hanging; no more are sent then."""


@dataclass(frozen=True)
class TimedReply:
    """A reply, and the seconds until its first text came: None when it had none, or reasoning came before it."""

    reply: Reply
    first_text_seconds: float | None


class ProbeClient:
    """Sends requests to one server. After one without an answer in time it sends no more."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._timed_out: BackendError | None = None

    async def send(self, request: Request) -> TimedReply:
        """The reply to a request. Raises `BackendError`s, also those that may be gone next time."""
        if self._timed_out:
            raise self._timed_out
        try:
            with anyio.fail_after(REQUEST_SECONDS):
                return await self._with_one_retry(request)
        except RetryableError as error:
            raise error.error from error
        except TimeoutError as error:
            self._timed_out = BackendUnreachable(
                f"no answer within {REQUEST_SECONDS:.0f} s to a request for {request.max_tokens} tokens at most"
            )
            raise self._timed_out from error

    async def _with_one_retry(self, request: Request) -> TimedReply:
        # servers close connections that were kept open just when they are used again
        retrying = AsyncRetrying(
            retry=retry_if_exception(_connection_lost), stop=stop_after_attempt(2), sleep=anyio.sleep, reraise=True
        )
        return await retrying(self._once, request)

    async def _once(self, request: Request) -> TimedReply:
        first_text_at: float | None = None

        def on_text(_: str) -> None:
            nonlocal first_text_at
            if first_text_at is None:
                first_text_at = time.monotonic()

        reply = await self.server.reply(request, on_text, lambda _: None)
        if first_text_at is None or reply.reasoning:
            return TimedReply(reply, None)
        # from when the request was sent: what comes before, as loading the client's package, is not the server's time
        after_first_text = time.monotonic() - first_text_at
        return TimedReply(reply, max(reply.seconds - after_first_text, 0.0))


def _connection_lost(error: BaseException) -> bool:
    return isinstance(error, RetryableError) and isinstance(error.error, BackendUnreachable)
