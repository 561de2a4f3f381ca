"""The place an edit means is found by patient rungs, and never guessed among several."""

from __future__ import annotations

import argparse
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.matching import Match, apart, find_lines, line_ending, nearest

LINES = st.lists(st.sampled_from(["a", "b", "  a", "    b", "\ta", "", "a ", "}"]), max_size=8)


def test_lines_that_stand_there_exactly_are_found_everywhere() -> None:
    found = find_lines(["x", "y", "x", "y"], ["x", "y"], ["z"])
    assert [(match.start, match.end, match.new) for match in found] == [(0, 2, ["z"]), (2, 4, ["z"])]


def test_an_exact_place_is_preferred_to_one_that_differs_in_blanks() -> None:
    found = find_lines(["x  ", "x"], ["x"], ["z"])
    assert [(match.start, match.end) for match in found] == [(1, 2)]


def test_trailing_blanks_do_not_matter() -> None:
    (match,) = find_lines(["def f():  ", "    pass\t"], ["def f():", "    pass"], ["def g():", "    pass"])
    assert match == Match(0, 2, ["def g():", "    pass"], "trailing blanks")


def test_indentation_is_shifted_as_a_whole() -> None:
    text = ["class A:", "    def f(self):", "        return 1"]
    (match,) = find_lines(text, ["def f(self):", "    return 1"], ["def f(self):", "    x = 2", "", "    return x"])
    assert match == Match(1, 3, ["    def f(self):", "        x = 2", "", "        return x"], "indentation")


def test_indentation_is_shifted_to_the_left_too() -> None:
    (match,) = find_lines(["if x:", "    y()"], ["    if x:", "        y()"], ["    if z:", "        y()"])
    assert match.new == ["if z:", "    y()"]


def test_tabs_stand_for_the_spaces_of_the_first_level() -> None:
    (match,) = find_lines(["\tx = 1"], ["    x = 1"], ["    x = 2"])
    assert match.new == ["\tx = 2"]


def test_indentation_that_differs_line_by_line_is_no_match() -> None:
    assert find_lines(["if x:", "    y()", "z()"], ["if x:", "    y()", "    z()"], ["new"]) == []


def test_blank_lines_around_are_neither_asked_for_nor_added() -> None:
    (match,) = find_lines(["a", "    x", "b"], ["", "x", "", ""], ["", "y", "", ""])
    assert match == Match(1, 2, ["    y"], "indentation")


def test_nothing_is_found_for_no_lines_or_in_no_lines() -> None:
    assert find_lines(["a"], [], ["b"]) == []
    assert find_lines([], ["a"], ["b"]) == []


def test_blank_lines_alone_match_only_blank_lines() -> None:
    assert find_lines(["a", "b"], ["", ""], ["c"]) == []


def test_overlapping_matches_are_kept_apart() -> None:
    matches = find_lines(["x", "x", "x", "x", "x"], ["x", "x"], ["y"])
    assert [match.start for match in matches] == [0, 1, 2, 3]
    assert [match.start for match in apart(matches)] == [0, 2]


def test_the_line_ending_is_crlf_only_where_every_line_has_it() -> None:
    assert line_ending("a\r\nb\r\n") == "\r\n"
    assert line_ending("a\r\nb\n") == "\n"
    assert line_ending("a\rb") == line_ending("") == line_ending("a\n") == "\n"


def test_the_nearest_region_is_shown_with_line_numbers_and_a_line_around() -> None:
    text = ["import os", "", "def add(a, b):", "    return a - b", "", "def sub(a, b):", "    return a - b"]
    shown = nearest(text, ["def add(x, y):", "    return x - y"], count=1)
    assert shown.splitlines() == ["2\t", "3\tdef add(a, b):", "4\t    return a - b", "5\t"]


def test_two_candidates_are_set_apart() -> None:
    text = ["value = compute(1)", "pass", "pass", "pass", "pass", "value = compute(2)"]
    shown = nearest(text, ["value = compute(3)"])
    assert shown.count("\n...\n") == 1
    assert "1\tvalue = compute(1)" in shown and "6\tvalue = compute(2)" in shown


def test_nothing_is_shown_when_nothing_is_like_it() -> None:
    assert nearest(["alpha", "beta"], ["0123456789"]) == ""
    assert nearest([], ["x"]) == nearest(["x"], ["", "  "]) == ""


def test_a_long_text_that_does_not_match_is_still_answered() -> None:
    # 200 lines compared character by character, whole, took twelve seconds
    source = Path(argparse.__file__).read_text(encoding="utf-8").split("\n")
    wanted = [line.replace("self", "me") for line in source[1000:1200]]
    assert "\n1001\t" in f"\n{nearest(source, wanted)}"


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(text=LINES, old=LINES, new=LINES)
def test_a_match_is_a_region_with_the_same_words(text: list[str], old: list[str], new: list[str]) -> None:
    def words(lines: list[str]) -> list[str]:
        return [line.strip() for line in lines if line.strip()]

    for match in find_lines(text, old, new):
        assert 0 <= match.start < match.end <= len(text)
        assert words(text[match.start : match.end]) == words(old)
        assert words(match.new) == words(new)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(text=LINES, at=st.integers(0, 8), count=st.integers(1, 4))
def test_what_stands_in_the_text_is_always_found_where_it_stands(text: list[str], at: int, count: int) -> None:
    old = text[at : at + count]
    found = [match.start for match in find_lines(text, old, ["new"])]
    assert (at in found) == bool(old)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(text=LINES, old=LINES)
def test_nearest_shows_lines_of_the_text_under_their_numbers(text: list[str], old: list[str]) -> None:
    for line in nearest(text, old).split("\n"):
        if "\t" in line:
            number, _, shown = line.partition("\t")
            assert text[int(number) - 1] == shown
