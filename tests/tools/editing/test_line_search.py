"""Runs of lines are found by their keys, overlapping ones too, and the work for very many is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.editing import line_search
from tools.editing.line_search import SearchableLines


def same(line: str) -> str:
    return line


def test_lines_are_compared_by_their_keys() -> None:
    text = SearchableLines(["a", " a", "b", "a"])
    assert text.find(["a"], same) == [0, 3]
    assert text.find(["a"], str.strip) == [0, 1, 3]
    assert text.find(["a", "b"], str.strip) == [1]
    assert text.find([], same) == SearchableLines([]).find([""], same) == []


@given(st.lists(st.sampled_from("ab"), max_size=12), st.lists(st.sampled_from("ab"), min_size=1, max_size=3))
def test_every_place_is_found(lines: list[str], wanted: list[str]) -> None:
    starts = [at for at in range(len(lines)) if lines[at : at + len(wanted)] == wanted]
    assert SearchableLines(lines).find(wanted, same) == starts


def test_of_very_many_places_the_first_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_search, "_MAX_COMPARED", 10)
    assert SearchableLines(["a"] * 100).find(["a"] * 2, same) == [0, 1, 2, 3, 4]
