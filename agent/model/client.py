"""The model client: requests sent to a server, retried where that can help, replies checked before they are used.

A reply is whole or it is an error: nothing of a broken stream is used.
"""

from __future__ import annotations

import re
import time
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
"""How long retries go on, in seconds between requests; the time that failed requests took does not count."""
MAX_IDLE_TIMEOUTS = 2
"""After so many idle timeouts (each 15 minutes) a server is given up."""
WAIT_INTERVAL_SECONDS = 10.0
"""How often `on_wait` is called before the first token."""
MAX_RESAMPLES = 2
"""How often an empty or endlessly repeating reply is sampled again."""
_MIN_WORDS = 200  # in a shorter prompt the chat template's own tokens hide what is missing
_MAX_RETRY_AFTER_SECONDS = 60.0
_WORD = re.compile(r"[^\W_]+")


class ModelClient:
    """Sends requests to one model at one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._last: _CountedPrompt | None = None

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

        Retries lost connections, 408, 409, 425, 429, 500 and 502 to 504 for up to two minutes, with jitter, after what
        Retry-After says. A reply that is empty, or was cut since it repeated itself without end, is sampled again
        twice; the last one is returned as it is. `on_retry` is called with the reason before each. Raises
        `BackendUnreachable`, `BackendRefused`, `ContextOverflow`, `PromptTruncated`, `ReplyUnparsable`.
        """
        sent = request
        for attempt in range(MAX_RESAMPLES + 1):
            reply = await self._send_with_retries(sent, on_text, on_retry, on_wait)
            self._check_prompt_tokens(request, reply)
            endless = reply.finish_reason == REPETITION
            has_content = reply.calls or reply.reasoning or reply.content.removeprefix(request.begun).strip()
            if has_content and not endless:
                break
            held = self.server.window.held
            if not has_content and held and reply.usage.prompt_tokens >= held:  # LM Studio's way of refusing
                raise ContextOverflow(f"the reply to a prompt that fills the window of {held:,} is empty", window=held)
            if attempt < MAX_RESAMPLES:
                on_retry(f"the reply {'repeats itself without end' if endless else 'is empty'}; asking again")
                sent = _resampled(request, attempt + 1, endless)
        return reply

    async def _send_with_retries(self, request: Request, on_text: OnText, on_retry: OnText, on_wait: OnWait) -> Reply:
        def report(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            on_retry(f"{error}; trying again in {state.upcoming_sleep:.0f} s")

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            stop=_stop,
            wait=_wait,
            before_sleep=report,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    return await _reply(self.server, request, on_text, on_wait)
        except RetryableError as error:
            raise error.error from error
        raise AssertionError("tenacity gives a reply or raises")

    def _check_prompt_tokens(self, request: Request, reply: Reply) -> None:
        """Raise `PromptTruncated` where the server counts fewer tokens than the prompt can possibly have.

        Every word is a token at least, and a prompt that extends the last one has all the tokens of that one. A tenth
        less is let pass: templates drop what stands round a message.
        """
        counted = reply.usage.prompt_tokens
        if not counted:
            return
        last = self._last if self._last is not None and self._last.begins(request) else None
        new = request.messages[len(last.request.messages) :] if last else request.messages
        new_words = count_words(new)
        has_thoughts = _has_thoughts(new) or (last is not None and last.has_thoughts)
        prompt = _CountedPrompt(request, counted, new_words + (last.words if last else 0), has_thoughts)
        expected = prompt.words
        if last is not None and not last.has_thoughts:
            expected = max(expected, last.tokens + new_words)
        if expected > _MIN_WORDS and counted < 0.9 * expected:
            raise PromptTruncated(
                f"{self.server.name} read only {counted:,} tokens of a prompt that has more than {expected:,}: "
                "it drops what exceeds its window and does not say so",
                hint=self.server.advice or "give it a larger window, or this session a smaller --context",
            )
        self._last = prompt


@dataclass(frozen=True)
class _CountedPrompt:
    """A request, its prompt's tokens by the server's count, its words, and whether replies in it have thoughts.

    A request that extends it has only its new messages counted.
    """

    request: Request
    tokens: int
    words: int
    has_thoughts: bool

    def begins(self, request: Request) -> bool:
        """Whether another request's prompt begins with all of this one's."""
        own = self.request
        return request.tools == own.tools and request.messages[: len(own.messages)] == own.messages


def count_words(messages: list[dict[str, Any]]) -> int:
    """The words in messages: fewer than their tokens in any vocabulary, since no token goes across a word's end.

    The model's own messages are left out: templates may drop its thoughts.
    """
    contents = (message["content"] for message in messages if message["role"] != "assistant")
    return sum(len(_WORD.findall(content)) for content in contents if isinstance(content, str))


def _has_thoughts(messages: list[dict[str, Any]]) -> bool:
    """Whether replies have thoughts, which templates leave out of later prompts."""
    return any("</think>" in str(message["content"]) for message in messages if message["role"] == "assistant")


def _resampled(request: Request, attempt: int, endless: bool) -> Request:
    """The same request with another seed, and for an endless reply a higher temperature and a repetition penalty."""
    own = request.sampling
    seed = None if own.seed is None else own.seed + 7919 * attempt
    if not endless:
        return replace(request, sampling=replace(own, seed=seed))
    temperature = max(own.temperature or 0.0, 0.4 * attempt + 0.3)
    penalty = max(own.repeat_penalty or 1.0, 1.1)
    return replace(request, sampling=replace(own, seed=seed, temperature=temperature, repeat_penalty=penalty))


def _stop(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryableError) and error.idle and state.attempt_number >= MAX_IDLE_TIMEOUTS:
        return True
    return state.idle_for >= RETRY_SECONDS


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryableError) and error.retry_after is not None:
        return min(error.retry_after, _MAX_RETRY_AFTER_SECONDS)
    return wait_exponential_jitter(multiplier=0.5, max=15.0, jitter=0.5)(state)


async def _reply(server: Server, request: Request, on_text: OnText, on_wait: OnWait) -> Reply:
    """The server's reply; until its first text comes, `on_wait` is called every ten seconds."""
    replies: list[Reply] = []
    errors: list[Exception] = []
    async with anyio.create_task_group() as group:
        started = time.monotonic()

        def on_piece(piece: str) -> None:
            waiting.cancel()
            on_text(piece)

        waiting = anyio.CancelScope()

        async def report_waits() -> None:
            with waiting:
                while True:
                    await anyio.sleep(WAIT_INTERVAL_SECONDS)
                    if not waiting.cancel_called:  # the sleep may have been over just before
                        on_wait(Waiting(time.monotonic() - started))

        group.start_soon(report_waits)
        try:
            replies.append(await server.reply(request, on_piece, on_wait))
        except Exception as error:  # a task group would wrap it
            errors.append(error)
        finally:
            waiting.cancel()
    if errors:
        raise errors[0]
    return replies[0]
