"""A request begins with the one before it; where the server reads again what it had read, the reason is named."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.context.prompt_cache import MAX_WARNINGS, PrefixMonitor, first_difference
from agent.model.types import Request, Usage

FIRST: list[dict[str, Any]] = [{"role": "system", "content": "s" * 50}, {"role": "user", "content": "u"}]
MORE = [*FIRST, {"role": "assistant", "content": "a"}, {"role": "user", "content": "go on"}]
OTHER = [FIRST[0], {"role": "user", "content": "v"}, *MORE[2:]]


def asked(messages: list[dict[str, Any]]) -> Request:
    return Request(messages, max_tokens=10)


def told(messages: list[dict[str, Any]], cached: int, *, reports: bool = True, completion: int = 100) -> Any:
    watch = PrefixMonitor()
    assert watch.check(asked(FIRST), Usage(prompt_tokens=1_900, completion_tokens=completion), reports=reports) is None
    return watch.check(asked(messages), Usage(prompt_tokens=2_200, cached_tokens=cached), reports=reports)


def test_what_is_reused_needs_no_word() -> None:
    assert told(MORE, 2_000) is None
    assert told(MORE, 1_901) is None  # 95%, and a template's few tokens


def test_a_dropped_cache_is_told_as_one() -> None:
    miss = told(MORE, 300)
    assert miss.same_bytes and "dropped its cache" in miss.message
    assert "of 2,000 tokens" in miss.message and "reused 300" in miss.message


def test_a_reply_that_is_written_otherwise_is_told_as_that() -> None:
    miss = told(MORE, 1_900, completion=900)
    assert miss.same_bytes and "writes the last reply in another way" in miss.message


def test_the_first_byte_that_differs_is_named() -> None:
    """peers row 27: something that moves in the prompt is found by its place."""
    miss = told(OTHER, 1_000)
    at = len(b'[[], [{"role": "system", "content": "' + b"s" * 50 + b'"}, {"role": "user", "content": "')
    assert not miss.same_bytes and f"at byte {at:,}:" in miss.message
    assert '"content": "u"' in miss.message and '"content": "v"' in miss.message


def test_a_server_that_does_not_tell_is_not_held_to_it() -> None:
    assert told(MORE, 0, reports=False) is None


def test_a_server_that_told_once_is() -> None:
    watch = PrefixMonitor()
    for at, (cached, prompt) in enumerate([(0, 1_000), (1_000, 2_000), (0, 3_000)]):
        miss = watch.check(asked(MORE[: 2 + at]), Usage(prompt_tokens=prompt, cached_tokens=cached), reports=False)
    assert miss is not None


def test_a_new_prompt_is_no_miss() -> None:
    watch = PrefixMonitor()
    watch.check(asked(FIRST), Usage(prompt_tokens=2_000), reports=True)
    watch.reset()
    assert watch.check(asked(OTHER), Usage(prompt_tokens=500), reports=True) is None


def test_it_is_told_a_few_times_at_most() -> None:
    watch = PrefixMonitor()
    misses = [watch.check(asked(MORE), Usage(prompt_tokens=2_000), reports=True) for _ in range(20)]
    assert sum(miss is not None for miss in misses) == MAX_WARNINGS


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(before=st.binary(max_size=40), now=st.binary(max_size=40))
def test_the_first_difference_is_where_it_is(before: bytes, now: bytes) -> None:
    at = first_difference(before, now)
    if at is None:
        assert now.startswith(before)
    else:
        assert before[:at] == now[:at] and before[at : at + 1] != now[at : at + 1]
