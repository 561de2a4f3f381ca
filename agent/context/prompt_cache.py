"""Checking that the server reuses its prompt cache: each request begins with all of the one before it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.model.types import Request, Usage

MIN_REUSED_SHARE = 0.95
"""Of the tokens of the turn before; if fewer are reused, a warning is given."""
_IGNORED_TOKENS = 64  # a chat template may add so many between a reply and what follows
MAX_WARNINGS = 3
"""For each prompt monitor, so that a server without a cache does not fill the screen."""
_CONTEXT_BYTES = 40  # shown on either side of a difference


@dataclass(frozen=True)
class CacheMiss:
    """A prompt that the server read again: a warning, and whether the request began with all of the one before."""

    message: str
    same_bytes: bool


class PrefixMonitor:
    """Compares the requests of one prompt, and the server's figures for them, with the ones before."""

    def __init__(self) -> None:
        self._last: Request | None = None
        self._prompt = self._total = 0
        self._reports = False  # whether this server has ever reported cached tokens
        self._warnings = 0

    def reset(self) -> None:
        """Begin a new prompt, which can't be in the cache."""
        self._last = None

    def check(self, request: Request, usage: Usage, *, reports: bool) -> CacheMiss | None:
        """Take a request and the figures of its reply; returns a cache miss if the user is to be warned of one.

        `reports` says that the server reports its cached tokens, so that a zero means none.
        """
        last, prompt, total = self._last, self._prompt, self._total
        self._last, self._prompt = request, usage.prompt_tokens
        self._total = usage.prompt_tokens + usage.completion_tokens
        self._reports = self._reports or reports or usage.cached_tokens > 0
        if last is None or not total or not usage.prompt_tokens or not self._reports:
            return None
        missing = total - usage.cached_tokens
        if missing <= max((1 - MIN_REUSED_SHARE) * total, _IGNORED_TOKENS) or self._warnings == MAX_WARNINGS:
            return None
        self._warnings += 1
        at = first_difference(as_bytes(last), as_bytes(request))
        head = f"of {total:,} tokens of the turn before the server reused {usage.cached_tokens:,}"
        prompt_reused = usage.cached_tokens >= prompt * MIN_REUSED_SHARE
        return CacheMiss(f"{head}: {_reason(last, request, at, prompt_reused)}", at is None)


def as_bytes(request: Request) -> bytes:
    """A request's tools and messages as JSON, without the closing brackets."""
    return json.dumps([request.tools, request.messages], ensure_ascii=False).encode("utf-8", "replace")[:-2]


def first_difference(before: bytes, now: bytes) -> int | None:
    """The first byte at which a request differs from the one before it; None if it begins with all of it."""
    if now.startswith(before):
        return None
    low, high = 0, min(len(before), len(now))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if before[:middle] == now[:middle] else (low, middle - 1)
    return low


def _reason(last: Request, request: Request, at: int | None, prompt_reused: bool) -> str:
    """Why the cache was missed, given the first differing byte and whether the last prompt itself was reused."""
    if at is not None:
        before, now = as_bytes(last), as_bytes(request)
        shown = (
            data[max(at - _CONTEXT_BYTES, 0) : at + _CONTEXT_BYTES].decode("utf-8", "replace") for data in (before, now)
        )
        return "the request differs from the last one at byte {:,}: {!r} became {!r}".format(at, *shown)
    if prompt_reused:
        return "the request begins with all bytes of the last one; its template writes the last reply in another way"
    return "the request begins with all bytes of the last one; the server dropped its cache"
