"""The place an edit means is found by patient strategies, and never guessed among several."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.lines import Match
from tools.editing.matching import find_lines

LINES = st.lists(st.sampled_from(["a", "b", "  a", "    b", "\ta", "", "a ", "}"]), max_size=8)


def replaced(text: list[str], match: Match) -> list[str]:
    """The lines a match puts into its region."""
    return [text[each] if isinstance(each, int) else each for each in match.new]


def test_lines_that_stand_there_exactly_are_found_everywhere() -> None:
    found = find_lines(["x", "y", "x", "y"], ["x", "y"], ["z"])
    assert [(match.start, match.end, match.new) for match in found] == [(0, 2, ["z"]), (2, 4, ["z"])]


def test_an_exact_place_is_preferred_to_one_that_differs_in_blanks() -> None:
    found = find_lines(["x  ", "x"], ["x"], ["z"])
    assert [(match.start, match.end) for match in found] == [(1, 2)]


def test_trailing_blanks_do_not_matter() -> None:
    (match,) = find_lines(["def f():  ", "    pass\t"], ["def f():", "    pass"], ["def g():", "    pass"])
    assert match == Match(0, 2, ["def g():", 1], "with trailing blanks ignored")


def test_indentation_is_shifted_as_a_whole() -> None:
    text = ["class A:", "    def f(self):", "        return 1"]
    (match,) = find_lines(text, ["def f(self):", "    return 1"], ["def f(self):", "    x = 2", "", "    return x"])
    assert match == Match(1, 3, [1, "        x = 2", "", "        return x"], "with indentation ignored")


def test_indentation_is_shifted_to_the_left_too() -> None:
    (match,) = find_lines(["if x:", "    y()"], ["    if x:", "        y()"], ["    if z:", "        y()"])
    assert match.new == ["if z:", 1]


def test_tabs_stand_for_the_spaces_of_the_first_level() -> None:
    (match,) = find_lines(["\tx = 1"], ["    x = 1"], ["    x = 2"])
    assert match.new == ["\tx = 2"]


def test_tabs_stand_for_spaces_at_every_level_and_the_other_way_round() -> None:
    text = ["class A:", "\tdef f(self):", "\t\treturn 1"]
    spaces = ["    def f(self):", "        return 1"]
    (match,) = find_lines(text, spaces, ["    def f(self):", "        if self:", "            return 2"])
    assert match.new == [1, "\t\tif self:", "\t\t\treturn 2"]
    (match,) = find_lines(["if x:", "  y()", "    z()"], ["\ty()", "\t\tz()"], ["\t\tz()", "w()"])
    assert match.new == [2, "w()"]


def test_indentation_by_two_stands_for_indentation_by_four() -> None:
    text = ["def f():", "    if x:", "        y()"]
    (match,) = find_lines(
        text, ["def f():", "  if x:", "    y()"], ["def f():", "  if x:", "    for a in b:", "      z()"]
    )
    assert match.new == [0, 1, "        for a in b:", "            z()"]


def test_a_first_line_that_lost_its_indentation_is_found() -> None:
    text = ["class A:", "    def f(self):  ", "        return 1"]
    (match,) = find_lines(text, ["def f(self):", "        return 1"], ["def g(self):", "        return 2"])
    assert match.new == ["    def g(self):", "        return 2"]


def test_look_alike_characters_do_not_matter_and_stay_where_nothing_changed() -> None:
    text = ["s = \u201cit\u2019s\u201d", "t = 1\u00a0# a \u2014 b\u2026", "\uff46\uff08x\uff09"]
    (match,) = find_lines(text, ['s = "it\'s"', "t = 1 # a - b...", "f(x)"], ['s = "it\'s"', "t = 2", "f(x)"])
    assert match == Match(0, 3, [0, "t = 2", 2], "with look-alike characters ignored")


def test_two_places_on_one_strategy_are_both_given() -> None:
    text = ["s = \u201ca\u201d", "", "s = \u201ea\u201c"]
    assert [match.start for match in find_lines(text, ['s = "a"'], ["s = 1"])] == [0, 2]


def test_places_are_bounded() -> None:
    assert len(find_lines(["x"] * 3000, ["x "] * 1000, ["y"])) == 200


def test_indentation_that_differs_line_by_line_is_no_match() -> None:
    assert find_lines(["if x:", "    y()", "z()"], ["if x:", "    y()", "    z()"], ["new"]) == []


def test_blank_lines_around_are_neither_asked_for_nor_added() -> None:
    (match,) = find_lines(["a", "    x", "b"], ["", "x", "", ""], ["", "y", "", ""])
    assert match == Match(1, 2, ["    y"], "with indentation ignored")


def test_nothing_is_found_for_no_lines_or_in_no_lines() -> None:
    assert find_lines(["a"], [], ["b"]) == []
    assert find_lines([], ["a"], ["b"]) == []


def test_blank_lines_alone_match_only_blank_lines() -> None:
    assert find_lines(["a", "b"], ["", ""], ["c"]) == []


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(text=LINES, old=LINES, new=LINES)
def test_a_match_is_a_region_with_the_same_words(text: list[str], old: list[str], new: list[str]) -> None:
    def words(lines: list[str]) -> list[str]:
        return [line.strip() for line in lines if line.strip()]

    for match in find_lines(text, old, new):
        assert 0 <= match.start < match.end <= len(text)
        assert words(text[match.start : match.end]) == words(old)
        assert words(replaced(text, match)) == words(new)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(text=LINES, at=st.integers(0, 8), count=st.integers(1, 4))
def test_what_stands_in_the_text_is_always_found_where_it_stands(text: list[str], at: int, count: int) -> None:
    old = text[at : at + count]
    found = [match.start for match in find_lines(text, old, ["new"])]
    assert (at in found) == bool(old)
