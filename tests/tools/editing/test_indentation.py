"""Indentation is carried over where it differs as a whole, and only there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.indentation import indent, reindent

CASES = [
    (["  a", "    b"], ["a", "  b"], "      c", "    c"),  # shifted
    (["    a"], ["        a"], "c", "    c"),  # a new line further left goes with it
    (["a"], ["\ta"], "    c", "\t\tc"),  # blanks for tabs, by the smallest step there is
    (["\ta", "\t\tb"], ["  a", "    b"], "\t\t\tc", "      c"),
    (["\ta"], ["  a"], "\t\tc", "    c"),
    (["a", "  b"], ["a", "    b"], "    c", "        c"),  # scaled
    (["    a", "      b"], ["  a", "    b"], "", ""),
]


@pytest.mark.parametrize(("old", "region", "new", "wanted"), CASES)
def test_a_new_line_gets_the_indentation_of_the_file(old: list[str], region: list[str], new: str, wanted: str) -> None:
    adapt = reindent(old, region, [new])
    assert adapt is not None and adapt(new) == wanted


@pytest.mark.parametrize(
    ("old", "region"),
    [
        (["a", "  b", "  c"], ["a", "  b", "c"]),
        (["  a", "b"], ["a", "  b"]),
        (["a", "  b", "     c"], ["a", "    b", "        c"]),
        ([""], [""]),
        ([" \ta", "    b"], ["a", "b"]),
    ],
)
def test_what_differs_line_by_line_is_not_carried_over(old: list[str], region: list[str]) -> None:
    assert reindent(old, region, ["c"]) is None


LEVELS = st.lists(st.integers(0, 5), min_size=1, max_size=6)
UNITS = st.sampled_from(["  ", "    ", "\t"])


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(levels=LEVELS, one=UNITS, other=UNITS, shift=st.integers(0, 3))
def test_uniform_differences_map_every_line_to_where_it_stands(
    levels: list[int], one: str, other: str, shift: int
) -> None:
    old = [one * level + "x" for level in levels]
    region = [other * (level + shift) + "x" for level in levels]
    adapt = reindent(old, region, old)
    assert adapt is not None
    first = 1 if not indent(old[0]) and len({*levels}) > 1 else 0
    assert [adapt(line) for line in old[first:]] == region[first:]
