"""A reply is put together from its chunks: native calls whatever the server makes of index, id and name."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from asking import PersistentClient, ask, persistent_client, without_waiting
from doubles import GenericDouble
from doubles.faults import Events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.model.reply_builder import ReplyBuilder

QUICK = settings(
    derandomize=True, deadline=None, database=None, max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
OWN_ID = re.compile(r"[A-Za-z0-9]{9}")


def tool(
    index: int | None = None, name: str | None = None, arguments: str | None = None, **more: Any
) -> dict[str, Any]:
    """The delta of a piece of a call."""
    piece: dict[str, Any] = {"function": {"name": name, "arguments": arguments}, **more}
    return {"tool_calls": [piece if index is None else {"index": index, **piece}]}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[GenericDouble]:
    without_waiting(monkeypatch)
    with GenericDouble() as running:
        yield running  # type: ignore[misc]


@pytest.fixture
def stands(double: GenericDouble) -> Iterator[PersistentClient]:
    with persistent_client(double) as found:
        yield found


def calls(
    double: GenericDouble, deltas: list[dict[str, Any]], stands: PersistentClient | None = None
) -> list[tuple[str, str]]:
    """The names and arguments of the calls in a stream of deltas; their ids are checked."""
    double.answers = [Events(deltas)]
    found = (stands.reply() if stands else ask(double).reply).calls
    assert all(OWN_ID.fullmatch(call.id) for call in found)
    assert len({call.id for call in found}) == len(found)
    return [(call.name, call.arguments) for call in found]


def test_native_calls_are_put_together_from_pieces(double: GenericDouble) -> None:
    deltas = [
        {"role": "assistant", "content": None},
        tool(0, "shell", ""),
        tool(0, None, '{"com'),
        tool(1, "submit", '{"summary":'),
        tool(0, None, 'mand": "ls"}'),
        tool(1, None, ' "é"}'),
    ]
    assert calls(double, deltas) == [("shell", '{"command": "ls"}'), ("submit", '{"summary": "é"}')]
    asked = ask(double)
    assert (asked.reply.content, asked.reply.finish_reason, asked.text) == ("", "tool_calls", [])


def test_without_an_index_a_name_begins_a_call(double: GenericDouble) -> None:
    deltas = [tool(None, "a", '{"x"'), tool(None, None, ": 1}"), tool(None, "b", "{}")]
    assert calls(double, deltas) == [("a", '{"x": 1}'), ("b", "{}")]


def test_a_name_in_two_pieces_is_one_name(double: GenericDouble) -> None:
    assert calls(double, [tool(0, "read"), tool(0, "_file"), tool(0, None, "{}")]) == [("read_file", "{}")]


def test_two_calls_in_one_delta(double: GenericDouble) -> None:
    both = {"tool_calls": [*tool(0, "a", "{}")["tool_calls"], *tool(1, "b", "{}")["tool_calls"]]}
    assert calls(double, [both]) == [("a", "{}"), ("b", "{}")]


@pytest.mark.parametrize("how", [{"id": "x0"}, {"id": ""}, {"id": None}, {}], ids=repr)
def test_a_call_without_arguments_is_a_call(double: GenericDouble, how: dict[str, Any]) -> None:
    assert calls(double, [tool(0, "run_tests", None, **how)]) == [("run_tests", "")]


def test_calls_that_begin_at_another_index_than_nought(double: GenericDouble) -> None:
    assert calls(double, [tool(3, "a", "{}"), tool(1, "b", "{"), tool(1, None, "}")]) == [("a", "{}"), ("b", "{}")]


def test_the_same_tool_twice_at_one_index_is_two_calls(double: GenericDouble) -> None:
    deltas = [tool(0, "a", '{"n": 1}', id="one"), tool(0, "a", '{"n": 2}', id="two")]
    assert calls(double, deltas) == [("a", '{"n": 1}'), ("a", '{"n": 2}')]


def test_two_calls_without_arguments_at_one_index_are_told_apart_by_their_ids(double: GenericDouble) -> None:
    assert calls(double, [tool(0, "a", "", id="one"), tool(0, "a", "", id="two")]) == [("a", ""), ("a", "")]


NAMES = st.sampled_from(["shell", "read_file", "edit_file", "run_tests", "submit"])
ARGUMENTS = st.dictionaries(st.text(max_size=6), st.text(max_size=20) | st.integers() | st.none(), max_size=3).map(
    json.dumps
)
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), min_size=1, max_size=4)


def cut(text: str, at: list[int]) -> list[str]:
    """A text cut at some places; at least one piece."""
    places = sorted({0, len(text), *(each % (len(text) + 1) for each in at)})
    return [text[one:other] for one, other in itertools.pairwise(places)] or [text]


def pieces(number: int, wanted: tuple[str, str], at: list[int], form: dict[str, Any]) -> list[dict[str, Any]]:
    """The deltas of one call, as a server of some form sends them."""
    name, arguments = wanted
    sent: list[dict[str, Any]] = []
    index = {"right": number, "nought": 0, "missing": None}[form["index"]]
    call_id = {"own": f"call_{number}", "first only": None if number else "call_0", "empty": ""}[form["id"]]
    parts = cut(arguments, at)
    if form["name"] == "apart":
        parts = ["", *parts]
    for place, part in enumerate(parts):
        more: dict[str, Any] = {} if call_id is None or (place and not form["id again"]) else {"id": call_id}
        sent.append(tool(index, name if place == 0 or form["name"] == "again" else None, part, **more))
    return sent


FORMS = st.fixed_dictionaries(
    {
        "index": st.sampled_from(["right", "nought", "missing"]),
        "id": st.sampled_from(["own", "first only", "empty"]),
        "id again": st.booleans(),
        "name": st.sampled_from(["first", "apart"]),
    }
)


@QUICK
@given(wanted=CALLS, form=FORMS, at=st.lists(st.integers(0, 99), max_size=5))
def test_calls_one_after_the_other_in_any_form_and_any_pieces(
    double: GenericDouble, stands: PersistentClient, wanted: list[tuple[str, str]], form: dict[str, Any], at: list[int]
) -> None:
    deltas = [each for number, one in enumerate(wanted) for each in pieces(number, one, at, form)]
    assert calls(double, deltas, stands) == wanted


@QUICK
@given(wanted=CALLS, at=st.lists(st.integers(0, 99), max_size=5), data=st.data())
def test_calls_whose_name_comes_with_every_piece(
    double: GenericDouble, stands: PersistentClient, wanted: list[tuple[str, str]], at: list[int], data: st.DataObject
) -> None:
    form = {"index": data.draw(st.sampled_from(["right", "nought"])), "id": "own", "id again": True, "name": "again"}
    deltas = [each for number, one in enumerate(wanted) for each in pieces(number, one, at, form)]
    assert calls(double, deltas, stands) == wanted


@QUICK
@given(
    wanted=CALLS, at=st.lists(st.integers(0, 99), max_size=5), order=st.randoms(use_true_random=False),
    ids=st.sampled_from(["own", "first only", "empty"]),
)  # fmt: skip
def test_calls_that_come_in_turns_are_told_apart_by_their_index(
    double: GenericDouble, stands: PersistentClient, wanted: list[tuple[str, str]], at: list[int], order: Any, ids: str
) -> None:
    form = {"index": "right", "id": ids, "id again": False, "name": "first"}
    waiting = [pieces(number, one, at, form) for number, one in enumerate(wanted)]
    deltas = [each.pop(0) for each in waiting]  # every call has begun, in order; then any of them goes on
    while any(waiting):
        deltas.append(order.choice([each for each in waiting if each]).pop(0))
    assert calls(double, deltas, stands) == wanted


# ---------------------------------------------------------------- chunks of any form

KEYS = ["choices", "delta", "content", "reasoning", "tool_calls", "function", "name", "arguments", "index", "id", "usage",
        "finish_reason", "prompt_tokens", "prompt_tokens_details", "cached_tokens", "timings", "prompt_progress"]  # fmt: skip
"""What has a meaning in a chunk."""

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(chunks=st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4), max_size=4))
def test_chunks_of_any_form_make_a_reply(chunks: list[dict[str, Any]]) -> None:
    builder = ReplyBuilder(lambda _: None, lambda _: None)
    for chunk in chunks:
        builder.add(chunk)
        builder.add({"choices": [{"delta": chunk, "finish_reason": "stop"}]})
    reply = builder.build(1.0)
    assert all(call.name and isinstance(call.arguments, str) for call in reply.calls)
