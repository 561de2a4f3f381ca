"""How quick a server is, and whether it reads the same prompt twice: two requests, the second going on from the first.

The first begins with a line of its own, so no cache can hold it; the second is the first with the reply and one more
message after it, as in a session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from agent.backend import Backend
from agent.doctor.asking import Asked, Asker
from agent.doctor.report import Check, Report, guarded
from agent.model.types import Request

WRITTEN_TOKENS = 64
_LINES = 48  # about 600 tokens
_REUSED, _READ_AGAIN = 0.5, 0.8
"""Shares of the first wait: a second wait below one shows a cache, one above the other that there is none."""
_LEAST_SECONDS = 0.25
"""A first wait shorter than this proves nothing: most of it is not the reading."""
_UNKNOWN = "not told by the server, and not to be seen by the clock"
_MENDS = {
    "llama.cpp": "start llama-server without --no-cache-prompt, and a hybrid model with --ctx-checkpoints 32",
    "vLLM": "start vLLM with --enable-prefix-caching",
    "SGLang": "start SGLang without --disable-radix-cache",
}


async def check_pace(report: Report, backend: Backend, asker: Asker, *, on_progress: Callable[[str], None]) -> None:
    """Measures the prefix cache and the speed, by the same two requests."""
    asked: list[Asked] = []

    async def cache() -> Check:
        on_progress("measuring the speed")
        first = _first(backend)
        asked.append(await asker.ask(first))
        on_progress("measuring the prefix cache")
        asked.append(await asker.ask(_second(first, asked[0])))
        # vLLM counts cached tokens only when it was started with an option for it: its 0 says nothing
        tells = backend.server.can.reports_cached and backend.server.name != "vLLM"
        figures = cache_figures(*asked, tells=tells)
        report.tell("prefix_cache", **figures)
        return _cache_line(figures, backend)

    async def speed() -> Check:
        figures = speed_figures(asked[0])
        report.tell("speed", **figures)
        return _speed_line(figures)

    line = await guarded("prefix cache", cache)
    report.add(line)
    report.add(await guarded("speed", speed) if asked else Check("speed", "warn", "not measured: see the line above"))


def _first(backend: Backend) -> Request:
    code = "\n".join(f"def step_{n}(value): return value * {n} + {n * n % 17}" for n in range(_LINES))
    system = f"Session {secrets.token_hex(8)}. You answer questions on this module:\n\n{code}"
    question = "Write the numbers from 1 to 60 in words, one a line, and nothing else."
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return Request(messages, max_tokens=WRITTEN_TOKENS, sampling=backend.sampling)


def _second(first: Request, asked: Asked) -> Request:
    more = [
        {"role": "assistant", "content": asked.reply.content},
        {"role": "user", "content": "That is enough. Say yes."},
    ]
    return Request([*first.messages, *more], max_tokens=8, sampling=first.sampling)


def cache_figures(first: Asked, second: Asked, *, tells: bool) -> dict[str, Any]:
    """What two requests tell of the cache; `tells` whether the server is known to count cached tokens.

    `reused` (None: not told), `source` ("server" or "clock"), `cached_tokens` of `prompt_tokens`, and the seconds that
    each waited for its first text.
    """
    before = first.reply.usage.prompt_tokens
    cached = second.reply.usage.cached_tokens
    figures: dict[str, Any] = {
        "reused": None,
        "source": "",
        "cached_tokens": cached,
        "prompt_tokens": second.reply.usage.prompt_tokens,
        "first_seconds": _rounded(first.first_seconds),
        "second_seconds": _rounded(second.first_seconds),
    }
    if cached or (tells and before):
        return figures | {"reused": cached >= before / 2, "source": "server"}
    one, other = first.first_seconds, second.first_seconds
    if one is None or other is None or one < _LEAST_SECONDS or _REUSED <= other / one <= _READ_AGAIN:
        return figures
    return figures | {"reused": other / one < _REUSED, "source": "clock"}


def speed_figures(asked: Asked) -> dict[str, Any]:
    """Tokens a second, read and generated, and their `source`: "server", "clock" (network included) or "" (unknown)."""
    reply, first = asked.reply, asked.first_seconds
    read, generated = reply.usage.prompt_tokens, reply.usage.completion_tokens
    took: tuple[float, float] | None = None
    source = ""
    if told := reply.timings:
        read, generated, took, source = told.read, told.generated, (told.read_seconds, told.generated_seconds), "server"
    elif first is not None and generated > 1:
        # what came with the first text was read for, not written
        took, generated, source = (first, reply.seconds - first), generated - 1, "clock"
    return {
        "prompt_tokens_per_second": _rate(read, took[0]) if took else None,
        "generated_tokens_per_second": _rate(generated, took[1]) if took else None,
        "prompt_tokens": read,
        "generated_tokens": generated,
        "source": source,
    }


def _rate(tokens: int, seconds: float) -> float | None:
    return round(tokens / seconds, 1) if tokens > 0 and seconds > 0 else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _cache_line(figures: dict[str, Any], backend: Backend) -> Check:
    reused, source = figures["reused"], figures["source"]
    if reused is None:
        mend = "start vLLM with --enable-prompt-tokens-details: it tells then" if backend.server.name == "vLLM" else ""
        return Check("prefix cache", "warn", _UNKNOWN, mend, figures=figures)
    if source == "server":
        told = f"{figures['cached_tokens']:,} of {figures['prompt_tokens']:,} tokens were reused (told by the server)"
    else:
        one, other = figures["first_seconds"], figures["second_seconds"]
        verb = "was reused" if reused else "was read again"
        told = f"the prompt {verb}: first text after {one:.2f} s, then {other:.2f} s (by the clock)"
    mend = "" if reused else _MENDS.get(backend.server.name, "")
    return Check("prefix cache", "ok" if reused else "warn", told, mend, figures=figures)


def _speed_line(figures: dict[str, Any]) -> Check:
    read, generated = figures["prompt_tokens_per_second"], figures["generated_tokens_per_second"]
    if read is None or generated is None:
        return Check("speed", "warn", _UNKNOWN, figures=figures)
    by = "told by the server" if figures["source"] == "server" else "by the clock, network included"
    told = f"reads {read:,.1f} and writes {generated:,.1f} tokens a second ({by})"
    return Check("speed", "ok", told, figures=figures)
