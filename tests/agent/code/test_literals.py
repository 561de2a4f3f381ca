"""The values a text writes are found whole, and what only looks like one is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.literals import closing, values_in
from agent.code.python_ast import written_literal


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("it is 5, -2.5, None, True or 'a b'", ["5", "-2.5", "None", "True", "'a b'"]),
        ("[[1, None, 2]] and (3, {'a': 1})", ["[[1, None, 2]]", "(3, {'a': 1})"]),
        ("the 540 of [(540, 660)] is 540", ["540", "[(540, 660)]", "540"]),
        ("add(2, 3) and f(1)(2)[3] are calls, (here 4)", ["4"]),
        ("Box(2).area()", []),
        ("work with axis=1", []),
        ("2*Ux(U + V) - x**3", []),
        ("**5**, not 2*x", ["5"]),
        ("a1 b.2 3rd x[4] don't 'tis", []),
        ("1. first\n  2) second\n3", ["3"]),
        ("see #12, line 7, version 1.2, issue 5", []),
        ("[1, 2", ["1", "2"]),
        ("", []),
    ],
)
def test_values_are_found(text: str, values: list[str]) -> None:
    assert [value for _, value in values_in(text)] == values


def test_the_place_of_each_is_told() -> None:
    assert list(values_in("ab 5")) == [(3, "5")]


def test_a_bracket_is_closed_by_its_own_and_not_by_one_in_a_text() -> None:
    assert closing("f(')', [1]) x", 1) == 11
    assert closing("(((", 0) == 1


def test_many_brackets_are_read_at_once() -> None:
    assert list(values_in("[" * 20_000)) == []


@given(st.text(alphabet="[](){}'\"1 ,.*=#-aN\n") | st.text())
def test_every_value_is_one(text: str) -> None:
    for at, value in values_in(text):
        assert 0 <= at < len(text)
        assert written_literal(value) == value
