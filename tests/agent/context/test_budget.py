"""A window is divided so that the reply always has room, in small windows and in huge ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.context.budget import TokenMeter, WindowBudget


@pytest.mark.parametrize(
    ("window", "reply", "prompt", "observation"),
    [
        (4_096, 512, 3_584, 512),
        (8_192, 1_024, 7_168, 1_024),
        (16_384, 2_048, 14_336, 2_048),
        (65_536, 8_192, 57_344, 8_192),
        (262_144, 8_192, 253_952, 10_000),
        (1_048_576, 8_192, 1_040_384, 10_000),
    ],
)
# peers row 22
def test_the_parts_of_a_window(window: int, reply: int, prompt: int, observation: int) -> None:
    budget = WindowBudget(window)
    assert (budget.reply, budget.prompt, budget.observation) == (reply, prompt, observation)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(window=st.integers(1_024, 2_000_000))
# peers row 22
def test_prompt_and_reply_fill_the_window_and_no_more(window: int) -> None:
    budget = WindowBudget(window)
    assert budget.prompt + budget.reply == window
    assert 512 <= budget.reply <= 8_192
    assert 400 <= budget.observation <= 10_000
    assert budget.observation <= budget.prompt


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(small=st.integers(1_024, 2_000_000), more=st.integers(0, 1_000_000))
def test_a_larger_window_never_gives_less(small: int, more: int) -> None:
    one, other = WindowBudget(small), WindowBudget(small + more)
    assert one.reply <= other.reply and one.prompt <= other.prompt and one.observation <= other.observation


@pytest.mark.parametrize("window", [4_096, 8_192, 16_384, 65_536, 262_144, 1_048_576])
def test_beside_the_prompt_that_opens_a_session_there_is_room_for_observations(window: int) -> None:
    budget = WindowBudget(window)
    opening = 1_500  # the system prompt and the tools
    assert budget.reply >= 256
    assert budget.prompt + budget.reply <= window
    assert opening + 2 * budget.observation <= budget.prompt


# ---------------------------------------------------------------- the meter


def test_the_servers_figure_counts_and_what_came_since_is_added() -> None:
    meter = TokenMeter()
    meter.add("x" * 3_200)
    assert 1_000 <= meter.tokens <= 1_050
    meter.record_usage(500, 100)
    assert meter.tokens == 600
    meter.add("")
    assert 600 < meter.tokens < 620


def test_a_server_without_figures_leaves_the_estimate() -> None:
    meter = TokenMeter()
    meter.add("x" * 320)
    before = meter.tokens
    meter.record_usage(0, 0)
    assert meter.tokens == before


def test_a_new_prompt_begins_at_nothing() -> None:
    meter = TokenMeter()
    meter.record_usage(500, 100)
    meter.add("more")
    meter.reset()
    assert meter.tokens == 0


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(texts=st.lists(st.text(max_size=50), max_size=10))
def test_the_estimate_only_grows_with_what_is_added(texts: list[str]) -> None:
    meter = TokenMeter()
    for text in texts:
        before = meter.tokens
        meter.add(text)
        assert meter.tokens > before + len(text.encode("utf-8", "replace")) / 4


def test_each_reply_takes_the_place_of_what_was_estimated_before_it() -> None:
    meter = TokenMeter()
    for prompt in (1_000, 2_500, 4_000):
        meter.add("x" * 4_000)
        assert meter.tokens > prompt - 1_500
        meter.record_usage(prompt, 50)
        assert meter.tokens == prompt + 50


@pytest.mark.parametrize("text", ["é" * 300, "汉字" * 300, "🦉" * 300, "def f(x):\n    return x\n" * 30])
def test_the_estimate_holds_for_any_script(text: str) -> None:
    meter = TokenMeter()
    meter.add(text)
    assert meter.tokens >= len(text) / 4 and meter.tokens <= 2 * len(text.encode())


# ---------------------------------------------------------------- how text is counted is learnt


def test_tokens_a_byte_are_learnt_from_the_servers_own_figures() -> None:
    meter = TokenMeter()
    known = 0
    for _ in range(6):
        meter.add("x" * 4_000)
        known += 2_000  # two bytes a token
        meter.record_usage(known, 0)
    assert 0.48 <= meter.rate <= 0.52
    assert 480 <= meter.estimate("x" * 1_000) <= 520


def test_what_is_learnt_outlives_a_prompt_and_is_doubted_less() -> None:
    meter = TokenMeter()
    doubted = meter.upper_bound_of(1_000)
    meter.add("x" * 4_000)
    meter.record_usage(2_000, 0)
    meter.reset()
    assert meter.rate == 0.5 and meter.tokens == 0
    assert 1_000 < meter.upper_bound_of(1_000) < doubted
    assert meter.lower_bound_of(1_000) < 1_000


def test_a_reply_whose_thoughts_are_left_out_later_teaches_nothing() -> None:
    meter = TokenMeter()
    meter.add("x" * 4_000)
    meter.record_usage(1_000, 3_000, thoughts=True)
    rate = meter.rate
    meter.add("y" * 4_000)
    meter.record_usage(4_100, 50)  # 3,000 of thoughts are gone: a hundred more would be 40 bytes a token
    assert meter.rate == rate


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(figures=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 9_000)), max_size=8))
def test_whatever_figures_a_server_gives_the_rate_stays_sane(figures: list[tuple[int, int, int]]) -> None:
    meter = TokenMeter()
    for prompt, completion, length in figures:
        meter.add("x" * length)
        meter.record_usage(prompt, completion)
    assert 1 / 6 <= meter.rate <= 1.0


def test_an_overflow_teaches_that_the_prompt_was_longer_than_thought() -> None:
    meter = TokenMeter()
    meter.add("x" * 6_400)
    assert meter.tokens < 2_100
    meter.record_overflow(4_000)
    assert meter.tokens >= 4_000 and meter.rate >= 0.6


@pytest.mark.parametrize("window", [4_096, 8_192, 32_768, 262_144, 1_048_576])
def test_at_the_mark_a_summary_can_still_be_asked_for(window: int) -> None:
    budget = WindowBudget(window)
    assert budget.summary + 400 <= budget.compaction_threshold <= window // 4
    assert budget.compaction_threshold >= budget.reply
