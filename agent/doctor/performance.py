"""How fast a server is and whether it has a prefix cache, measured with two requests.

The first begins with a random line, so that no cache holds it. The second is the first with its reply and one more
message appended, as in a session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from agent.backend import Backend
from agent.doctor.probe_client import ProbeClient, TimedReply
from agent.doctor.report import Check, Report, guarded
from agent.model.types import Request

REPLY_TOKENS = 64
"""The most tokens of the first reply: enough to time, about 10 s on a small machine."""
_LINES = 48  # about 600 tokens
_REUSED_BELOW, _REREAD_ABOVE = 0.5, 0.8
"""The second wait for a first text as a share of the first wait: below the one there is a cache, above the other none.

By judgement: a reused prefix of 600 tokens leaves about 80 to read, so 0.15 to 0.3 is usual; in between is noise.
"""
_MIN_FIRST_TEXT_SECONDS = 0.25
"""A shorter first wait shows nothing: most of it is not the prompt's processing but the network's and the server's."""
_NOT_MEASURABLE = "the server does not report it, and the times do not show it"
_REMEDIES = {
    "llama.cpp": "start llama-server without --no-cache-prompt, and a hybrid model with --ctx-checkpoints 32",
    "vLLM": "start vLLM with --enable-prefix-caching",
    "SGLang": "start SGLang without --disable-radix-cache",
}
_COUNT_CACHED = "start vLLM with --enable-prompt-tokens-details: it counts cached tokens then"


async def check_performance(
    report: Report, backend: Backend, client: ProbeClient, *, on_progress: Callable[[str], None]
) -> None:
    """Measures the prefix cache and the speed with the same two requests."""
    replies: list[TimedReply] = []

    async def cache() -> Check:
        on_progress("measuring the speed")
        first = _first(backend)
        replies.append(await client.send(first))
        on_progress("measuring the prefix cache")
        replies.append(await client.send(_second(first, replies[0])))
        # vLLM counts cached tokens only when it was started with an option for it: its 0 is no figure
        counts_cached = backend.server.can.reports_cached and backend.server.name != "vLLM"
        figures = cache_figures(*replies, counts_cached=counts_cached)
        report.add_figures("prefix_cache", **figures)
        return _cache_line(figures, backend)

    async def speed() -> Check:
        figures = speed_figures(replies[0])
        report.add_figures("speed", **figures)
        return _speed_line(figures)

    line = await guarded("prefix cache", cache)
    report.add(line)
    report.add(await guarded("speed", speed) if replies else Check("speed", "warn", "not measured: see the line above"))


def _first(backend: Backend) -> Request:
    code = "\n".join(f"def step_{n}(value): return value * {n} + {n * n % 17}" for n in range(_LINES))
    system = f"Session {secrets.token_hex(8)}. You answer questions on this module:\n\n{code}"
    question = "Write the numbers from 1 to 60 in words, one a line, and nothing else."
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return Request(messages, max_tokens=REPLY_TOKENS, sampling=backend.sampling)


def _second(first: Request, answered: TimedReply) -> Request:
    more = [
        {"role": "assistant", "content": answered.reply.content},
        {"role": "user", "content": "That is enough. Say yes."},
    ]
    return Request([*first.messages, *more], max_tokens=8, sampling=first.sampling)


def cache_figures(first: TimedReply, second: TimedReply, *, counts_cached: bool) -> dict[str, Any]:
    """What two replies show of the cache. With `counts_cached` a server's count of 0 cached tokens is a figure.

    `reused` is None where nothing shows it; `source` is "server", "clock" or ""; `cached_tokens` of `prompt_tokens`
    are the second request's; `first_seconds` and `second_seconds` are the waits for the first text.
    """
    before = first.reply.usage.prompt_tokens
    cached = second.reply.usage.cached_tokens
    figures: dict[str, Any] = {
        "reused": None,
        "source": "",
        "cached_tokens": cached,
        "prompt_tokens": second.reply.usage.prompt_tokens,
        "first_seconds": _rounded(first.first_text_seconds),
        "second_seconds": _rounded(second.first_text_seconds),
    }
    if cached or (counts_cached and before):
        return figures | {"reused": cached >= before / 2, "source": "server"}
    one, other = first.first_text_seconds, second.first_text_seconds
    if one is None or other is None or one < _MIN_FIRST_TEXT_SECONDS or _REUSED_BELOW <= other / one <= _REREAD_ABOVE:
        return figures
    return figures | {"reused": other / one < _REUSED_BELOW, "source": "clock"}


def speed_figures(timed: TimedReply) -> dict[str, Any]:
    """Tokens a second, of the prompt and generated.

    `source` is "server", "clock" (network included), or "" where nothing is known.
    """
    reply, first = timed.reply, timed.first_text_seconds
    read, generated = reply.usage.prompt_tokens, reply.usage.completion_tokens
    seconds: tuple[float, float] | None = None
    source = ""
    if times := reply.timings:
        read, generated, source = times.read, times.generated, "server"
        seconds = times.read_seconds, times.generated_seconds
    elif first is not None and generated > 1:
        # the time until the first token belongs to the prompt
        seconds, generated, source = (first, reply.seconds - first), generated - 1, "clock"
    return {
        "prompt_tokens_per_second": _rate(read, seconds[0]) if seconds else None,
        "generated_tokens_per_second": _rate(generated, seconds[1]) if seconds else None,
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
        remedy = _COUNT_CACHED if backend.server.name == "vLLM" else ""
        return Check("prefix cache", "warn", _NOT_MEASURABLE, remedy, figures=figures)
    if source == "server":
        cached, total = figures["cached_tokens"], figures["prompt_tokens"]
        value = f"{cached:,} of {total:,} tokens were reused (counted by the server)"
    else:
        one, other = figures["first_seconds"], figures["second_seconds"]
        verb = "was reused" if reused else "was processed again"
        value = f"the prompt {verb}: first text after {one:.2f} s, then {other:.2f} s (measured here)"
    remedy = "" if reused else _REMEDIES.get(backend.server.name, "")
    return Check("prefix cache", "ok" if reused else "warn", value, remedy, figures=figures)


def _speed_line(figures: dict[str, Any]) -> Check:
    read, generated = figures["prompt_tokens_per_second"], figures["generated_tokens_per_second"]
    if read is None or generated is None:
        return Check("speed", "warn", _NOT_MEASURABLE, figures=figures)
    source = "measured by the server" if figures["source"] == "server" else "measured here, network included"
    value = f"reads {read:,.1f} and generates {generated:,.1f} tokens a second ({source})"
    return Check("speed", "ok", value, figures=figures)
