"""The model client: one request to a server, asked again where that can help, its reply looked at before it is used.

A reply is whole or it is an error: nothing of a broken stream is used.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import anyio
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_exponential_jitter,
)

from agent.errors import ContextOverflow, PromptTruncated
from agent.model.errors import RetryableError
from agent.model.servers.base import Server
from agent.model.types import REPETITION, OnText, OnWait, Reply, Request, Waiting

RETRY_SECONDS = 120.0
"""How long a server that went away is waited for; the time it worked on requests that failed does not count."""
SILENCES = 2
"""How often a server may stay silent for as long as a client waits."""
WAIT_SECONDS = 10.0
"""How often a wait for the first token is told."""
ASKED_AGAIN = 2
"""How often an empty or endless reply is asked for again."""
_LEAST_NOTICED = 200  # words; below that a miscount proves nothing
_WORD = re.compile(r"[^\W_]+")


class ModelClient:
    """Sends requests to one model at one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._last: _Sent | None = None

    @property
    def model(self) -> str:
        """The model's name at the server."""
        return self.server.model

    async def complete(
        self,
        request: Request,
        on_text: OnText = lambda _: None,
        on_retry: OnText = lambda _: None,
        on_wait: OnWait = lambda _: None,
    ) -> Reply:
        """The reply to a request; `on_text` is called with its text as it comes, `on_wait` while none does.

        Retries what may be gone next time: lost connections, 408, 409, 425, 429 and 5xx, for up to two minutes,
        with jitter, heeding Retry-After. A reply that is empty, or was cut since it repeated itself without end, is
        asked for again; the last one is given as it is. Raises `BackendUnreachable`, `BackendRefused`,
        `ContextOverflow`, `PromptTruncated`, `ReplyUnparsable`.
        """
        asked = request
        for attempt in range(ASKED_AGAIN + 1):
            reply = await self._retried(asked, on_text, on_retry, on_wait)
            self._check_whole_prompt(request, reply)
            endless = reply.finish_reason == REPETITION
            said = reply.calls or reply.reasoning or reply.content.removeprefix(request.begun).strip()
            if said and not endless:
                break
            held = self.server.window.held
            if not said and held and reply.usage.prompt_tokens >= held:  # LM Studio's way of refusing
                raise ContextOverflow(f"nothing was said to a prompt that fills the window of {held:,}", window=held)
            if attempt < ASKED_AGAIN:
                on_retry(f"the reply {'repeats itself without end' if endless else 'is empty'}; asking again")
                asked = _differently(request, attempt + 1, endless)
        return reply

    async def _retried(self, request: Request, on_text: OnText, on_retry: OnText, on_wait: OnWait) -> Reply:
        def say(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            on_retry(f"{error}; trying again in {state.upcoming_sleep:.0f} s")

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            stop=_stop,
            wait=_wait,
            before_sleep=say,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    return await _telling(lambda told: self.server.reply(request, told, on_wait), on_text, on_wait)
        except RetryableError as error:
            raise error.error from error
        raise AssertionError("tenacity gives a reply or raises")

    def _check_whole_prompt(self, request: Request, reply: Reply) -> None:
        """Raises `PromptTruncated` when the server counts fewer tokens than the prompt can possibly have.

        Every word is a token at least; and a prompt that continues the last one has all the tokens of that one.
        """
        counted = reply.usage.prompt_tokens
        if not counted:
            return
        last = self._last if self._last is not None and self._last.begins(request) else None
        new = request.messages[len(last.request.messages) :] if last else request.messages
        found = words(new)
        has_thoughts = _has_thoughts(new) or (last is not None and last.has_thoughts)
        sent = _Sent(request, counted, found + (last.words if last else 0), has_thoughts)
        least = sent.words
        if last is not None and not last.has_thoughts:
            least = max(least, last.tokens + found)
        if least > _LEAST_NOTICED and counted < 0.9 * least:
            raise PromptTruncated(
                f"{self.server.name} read only {counted:,} tokens of a prompt that has more than {least:,}: "
                "it drops what exceeds its window without a word",
                hint=self.server.advice or "give it a larger window, or this session a smaller --context",
            )
        self._last = sent


@dataclass(frozen=True)
class _Sent:
    """A request, the tokens its prompt was counted as, its words, and whether replies in it have thoughts.

    What of it is known is not looked at again when the next one goes on from it.
    """

    request: Request
    tokens: int
    words: int
    has_thoughts: bool

    def begins(self, request: Request) -> bool:
        """Whether another request's prompt begins with all of this one's."""
        own = self.request
        return request.tools == own.tools and request.messages[: len(own.messages)] == own.messages


def words(messages: list[dict[str, Any]]) -> int:
    """The words in messages: fewer than their tokens in any vocabulary, since no token goes across a word's end.

    What the model itself said is left out: templates may drop its thoughts.
    """
    said = (message["content"] for message in messages if message["role"] != "assistant")
    return sum(len(_WORD.findall(content)) for content in said if isinstance(content, str))


def _has_thoughts(messages: list[dict[str, Any]]) -> bool:
    """Whether replies have thoughts, which templates leave out of later prompts."""
    return any("</think>" in str(message["content"]) for message in messages if message["role"] == "assistant")


def _differently(request: Request, attempt: int, endless: bool) -> Request:
    """The same request, drawn anew: another seed, and for an endless reply more warmth and a penalty."""
    own = request.sampling
    seed = None if own.seed is None else own.seed + 7919 * attempt
    if not endless:
        return replace(request, sampling=replace(own, seed=seed))
    warmer = max(own.temperature or 0.0, 0.4 * attempt + 0.3)
    penalty = max(own.repeat_penalty or 1.0, 1.1)
    return replace(request, sampling=replace(own, seed=seed, temperature=warmer, repeat_penalty=penalty))


def _stop(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryableError) and error.idle and state.attempt_number >= SILENCES:
        return True
    return state.idle_for >= RETRY_SECONDS


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryableError) and error.retry_after is not None:
        return min(error.retry_after, 60.0)
    return wait_exponential_jitter(multiplier=0.5, max=15.0, jitter=0.5)(state)


async def _telling(send: Callable[[OnText], Awaitable[Reply]], on_text: OnText, on_wait: OnWait) -> Reply:
    """What `send` gives; until its first text comes, `on_wait` is called every ten seconds."""
    replies: list[Reply] = []
    errors: list[Exception] = []
    async with anyio.create_task_group() as group:
        started = time.monotonic()

        def heard(piece: str) -> None:
            waiting.cancel()
            on_text(piece)

        waiting = anyio.CancelScope()

        async def watch() -> None:
            with waiting:
                while True:
                    await anyio.sleep(WAIT_SECONDS)
                    if not waiting.cancel_called:  # the sleep may have been over just before
                        on_wait(Waiting(time.monotonic() - started))

        group.start_soon(watch)
        try:
            replies.append(await send(heard))
        except Exception as error:  # a task group would wrap it
            errors.append(error)
        finally:
            waiting.cancel()
    if errors:
        raise errors[0]
    return replies[0]
