"""Whether the server reuses what it has read: each request begins with the last one, so its cache should, too."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.model.types import Request, Usage

LEAST_REUSED = 0.95
"""Of the tokens of the turn before; less is told."""
_NOT_TOLD = 64  # tokens; a template may put so many between a reply and what follows
MAX_WARNINGS = 3
"""Warnings of one session."""
_CONTEXT = 40  # bytes shown on either side of a difference


@dataclass(frozen=True)
class CacheMiss:
    """A prompt that was read anew: what to tell, and whether the request was as it should be."""

    message: str
    same_bytes: bool


class PrefixMonitor:
    """Looks at one prompt's requests and the server's figures for them."""

    def __init__(self) -> None:
        self._last: Request | None = None
        self._prompt = self._total = 0
        self._reported = False  # whether this server ever told of cached tokens
        self._told = 0

    def reset(self) -> None:
        """A new prompt begins, which can't be in the cache."""
        self._last = None

    def check(self, request: Request, usage: Usage, *, reports: bool) -> CacheMiss | None:
        """Take a request and the reply's figures; what was missed, where that is to be told.

        `reports` says that the server tells its cached tokens, so that none are none.
        """
        last, prompt, total = self._last, self._prompt, self._total
        self._last, self._prompt = request, usage.prompt_tokens
        self._total = usage.prompt_tokens + usage.completion_tokens
        self._reported = self._reported or reports or usage.cached_tokens > 0
        if last is None or not total or not usage.prompt_tokens or not self._reported:
            return None
        missing = total - usage.cached_tokens
        if missing <= max((1 - LEAST_REUSED) * total, _NOT_TOLD) or self._told == MAX_WARNINGS:
            return None
        self._told += 1
        at = first_difference(as_bytes(last), as_bytes(request))
        head = f"of {total:,} tokens of the turn before the server reused {usage.cached_tokens:,}"
        return CacheMiss(f"{head}: {_why(last, request, at, usage.cached_tokens >= prompt * LEAST_REUSED)}", at is None)


def as_bytes(request: Request) -> bytes:
    """A request's tools and messages as JSON, without the end that closes it."""
    return json.dumps([request.tools, request.messages], ensure_ascii=False).encode("utf-8", "replace")[:-2]


def first_difference(before: bytes, now: bytes) -> int | None:
    """The first byte at which a request does not go on as the one before it; None where it begins with all of it."""
    if now.startswith(before):
        return None
    low, high = 0, min(len(before), len(now))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if before[:middle] == now[:middle] else (low, middle - 1)
    return low


def _why(last: Request, request: Request, at: int | None, prompt_reused: bool) -> str:
    if at is not None:
        before, now = as_bytes(last), as_bytes(request)
        shown = (data[max(at - _CONTEXT, 0) : at + _CONTEXT].decode("utf-8", "replace") for data in (before, now))
        return "the request differs from the last one at byte {:,}: {!r} became {!r}".format(at, *shown)
    if prompt_reused:
        return "the request begins with all bytes of the last one; its template writes the last reply in another way"
    return "the request begins with all bytes of the last one; the server dropped its cache"
