"""Lines that did not change are told, whatever stands around them, within bounded work."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.merging import merge, unchanged, without_blanks_around

LINES = st.lists(st.sampled_from("abc"), max_size=8)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(old=LINES, new=LINES)
def test_unchanged_lines_are_equal_and_in_order(old: list[str], new: list[str]) -> None:
    kept = unchanged(old, new)
    assert all(new[b] == old[a] for b, a in kept.items())
    pairs = sorted(kept.items())
    assert all(one[1] < other[1] for one, other in pairwise(pairs))
    assert len(kept) == len(new) if old == new else True


def test_far_too_many_equal_lines_are_compared_at_the_ends_only() -> None:
    old = ["begin", *["x"] * 1000, "y", *["x"] * 1000, "end"]
    new = ["begin", "z", *["x"] * 1000, "y", *["x"] * 999, "w", "end"]
    assert unchanged(old, new) == {0: 0, len(new) - 1: len(old) - 1}


def test_kept_lines_are_those_they_stand_for() -> None:
    assert merge(["a", "q", "c"], {0: 0, 2: 1}, [(4, 5), (5, 8)], str.upper) == [4, "Q", 5, 6, 7]


def test_blank_lines_around_are_left_out_of_both() -> None:
    assert without_blanks_around(["", "a", " "], ["", "b", ""]) == (["a"], ["b"])
    assert without_blanks_around(["", "a"], ["b"]) == (["a"], ["b"])
    assert without_blanks_around([""], ["b"]) == ([], ["b"])
