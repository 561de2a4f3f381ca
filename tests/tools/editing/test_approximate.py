"""The last strategies find a region only where it is the one, and change nothing in it that the model left alone."""

from __future__ import annotations

import pytest

from tools.base import ToolError
from tools.editing.approximate import ANCHORED, ELIDED, is_elision
from tools.editing.lines import Match
from tools.editing.matching import find_lines

F = ["def f(a):", "    # first", "    x = load(a)", "    y = x + 1", "    return y", "", "def g():", "    return 0"]


@pytest.mark.parametrize("line", ["...", "  ...", "# ...", "    // ...", "/* ... */", "…", "# ... existing code ..."])
def test_what_stands_for_other_lines(line: str) -> None:
    assert is_elision(line)


@pytest.mark.parametrize("line", ["x = ...", "....", "# more ...", "def f(): ...", "", "#", "... # why"])
def test_what_does_not(line: str) -> None:
    assert not is_elision(line)


def test_parts_are_found_each_on_its_own_strategy() -> None:
    (match,) = find_lines(F, ["def f(a): ", "...", "return y"], ["def f(b):", "...", "return -y"])
    assert match == Match(0, 5, ["def f(b):", 1, 2, 3, "    return -y"], ELIDED)


def test_several_elisions_are_kept_each() -> None:
    (match,) = find_lines(
        F, ["def f(a):", "...", "    y = x + 1", "# ...", "def g():"], ["A", "...", "B", "# ...", "C"]
    )
    assert match.new == ["A", 1, 2, "B", 4, 5, "C"]


def test_elisions_before_and_after_everything_stand_for_nothing() -> None:
    (match,) = find_lines(F, ["...", "    x = load(a)", "..."], ["...", "    x = get(a)", "..."])
    assert match == Match(2, 3, ["    x = get(a)"], ELIDED)


def test_parts_out_of_order_or_without_a_line_between_are_not_found() -> None:
    assert find_lines(F, ["def g():", "...", "def f(a):"], ["x", "...", "y"]) == []
    assert find_lines(F, ["def g():", "...", "    return 0"], ["x", "...", "y"]) == []


def test_of_several_places_of_a_part_those_that_fit_the_others_are_given() -> None:
    text = ["end", "begin", "x", "end", "y", "end"]
    assert [match.start for match in find_lines(text, ["begin", "...", "end"], ["B", "...", "E"])] == [3, 5]
    (match,) = find_lines(text, ["end", "...", "x", "...", "y"], ["E", "...", "x", "...", "y"])
    assert (match.start, match.end) == (0, 5)


def test_an_elision_that_new_lacks_is_refused() -> None:
    with pytest.raises(ToolError, match="repeat each"):
        find_lines(F, ["def f(a):", "...", "    return y"], ["def f(a):", "    return 1"])


def test_an_ellipsis_in_the_code_is_code() -> None:
    (match,) = find_lines(["class A:", "    ..."], ["class A:", "    ..."], ["class B:", "    ..."])
    assert match.new == ["class B:", 1]


def test_a_line_given_wrongly_between_unique_ends_stays_as_it_is() -> None:
    old = ["def f(a):", "    # first", "    x = laod(a)", "    y = x + 1", "    return y"]
    (match,) = find_lines(F, old, [*old[:3], "    y = x - 1", "    return y"])
    assert match == Match(0, 5, [0, 1, 2, "    y = x - 1", 4], ANCHORED, differing=(2,))


def test_a_line_the_model_did_not_know_of_is_kept() -> None:
    old = ["def f(a):", "    x = load(a)", "    y = x + 1", "    return y"]
    (match,) = find_lines(F, old, [*old[:2], "    y = x - 1", "    return y"])
    assert match.new == [0, 1, 2, "    y = x - 1", 4]
    (match,) = find_lines(F, old, ["def f(b):", *old[1:]])
    assert match.new == ["def f(b):", 1, 2, 3, 4]


def test_a_line_the_model_did_not_know_of_is_not_lost_between_changed_ones() -> None:
    old = ["def f(a):", "    x = load(a)", "    y = x + 1", "    return y"]
    assert find_lines(F, old, ["def f(b):", "    x = load(b)", *old[2:]]) == []


def test_indentation_that_differs_between_the_ends_does_not_matter() -> None:
    old = ["def f(a):", "  # first", "    x = load(a)", "     y = x + 1", "    return y"]
    (match,) = find_lines(F, old, [*old[:4], "    return -y"])
    assert match.new == [0, 1, 2, 3, "    return -y"]


@pytest.mark.parametrize(
    "old",
    [
        ["def f(a):", "    # first", "    raise ValueError", "    y = x + 1", "    return y"],  # one line is unlike
        ["def f(a):", "    return y"],  # too short
        ["def f(a):", "    x = laod(a)", "    return 0"],  # too far apart
        ["def f(a):", "    # fist", "    x = laod(a)", "    y = x - 1", "    return y"],  # too many differ
        ["def f(a):", "    # first", "    x = load(a)", "    y = x + 1", "    print(y)", "    return y"],
        ["def f(a):", "    # first", "    x = laod(a)", "    y = x + 1", "        return y"],  # an end is elsewhere
        ["", "    # first", "    x = laod(a)", "    y = x + 1", "    return"],  # the last line is not there
    ],
)
def test_what_is_not_like_it_is_not_found(old: list[str]) -> None:
    assert find_lines(F, old, ["new"]) == []


def test_ends_that_occur_twice_are_no_anchors() -> None:
    text = ["begin", "    one", "end", "begin", "    two", "end"]
    assert find_lines(text, ["begin", "    onf", "end"], ["new"]) == []
    assert find_lines(["x", "begin", "one", "end", "end"], ["begin", "onf", "end"], ["new"]) == []
