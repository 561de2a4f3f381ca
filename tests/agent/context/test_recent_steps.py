"""Steps stay whole or go: a call is never parted from its result."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.context.recent_steps import CUTS, Cut, append_question, latest_steps, split_steps

Message = dict[str, Any]


def step(number: int, calls: int, size: int = 1) -> list[Message]:
    ids = [f"{number}-{at}" for at in range(calls)]
    reply: Message = {"role": "assistant", "content": "x" * size, "tool_calls": [{"id": each} for each in ids]}
    return [reply, *({"role": "tool", "tool_call_id": each, "content": "x" * size} for each in ids)]


def size(messages: list[Message]) -> int:
    return sum(len(message["content"]) for message in messages)


STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), max_size=12).map(
    lambda given: [step(at, calls, length) for at, (calls, length) in enumerate(given)]
)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(steps=STEPS, room=st.integers(1, 1_000), how=st.sampled_from(CUTS))
def test_what_stays_are_the_latest_steps_whole_and_in_order(steps: list[list[Message]], room: int, how: Cut) -> None:
    kept = latest_steps(steps, how, room, size)
    assert kept == steps[len(steps) - len(kept) :]
    messages = [message for each in kept for message in each]
    made = [call["id"] for message in messages for call in message.get("tool_calls", [])]
    assert made == [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert size(messages) <= max(how.steps, how.last) * room


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(steps=STEPS, extra=st.booleans())
def test_messages_fall_into_steps_and_out_of_them_again(steps: list[list[Message]], extra: bool) -> None:
    before = [{"role": "user", "content": "left over"}] if extra else []
    messages = [*before, *(message for each in steps for message in each)]
    found = split_steps(messages)
    assert [message for each in found for message in each] == messages
    assert all(each[0]["role"] == "assistant" for each in found[len(before) :])


def test_a_later_cut_keeps_less() -> None:
    steps = [step(at, 1, 10) for at in range(40)]
    kept = [len(latest_steps(steps, each, 400, size)) for each in CUTS]
    assert kept[0] > kept[1] > kept[2] == 0


def test_the_latest_step_stays_though_it_is_larger_than_its_share() -> None:
    steps = [step(0, 1, 10), step(1, 1, 150)]
    assert latest_steps(steps, CUTS[0], 1_000, size) == steps[1:]
    assert latest_steps(steps, CUTS[1], 1_000, size) == []


def test_a_question_stands_where_templates_take_it() -> None:
    result: Message = {"role": "tool", "tool_call_id": "a", "content": "out"}
    assert append_question([result], "q", own=True) == [result, {"role": "user", "content": "q"}]
    assert append_question([result], "q", own=False) == [{**result, "content": "out\n\nq"}]
    said: Message = {"role": "assistant", "content": "hm"}
    assert append_question([said], "q", own=False) == [said, {"role": "user", "content": "q"}]
    assert result["content"] == "out"
