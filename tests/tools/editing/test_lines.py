"""Lines keep their ends, and replacing some leaves every byte of the others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.lines import Match, body, line_ending, line_numbers, numbered, splice, split

TEXTS = st.text("ab\r\n\x0c\u2028", max_size=30)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(text=TEXTS)
def test_lines_are_the_text(text: str) -> None:
    lines = split(text)
    assert "".join(lines) == text
    assert all(line.count("\n") <= 1 and "\n" not in body(line) for line in lines)
    assert len(lines) == text.count("\n") + (not text.endswith("\n") and text != "")


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(
    text=TEXTS,
    start=st.integers(0, 5),
    count=st.integers(0, 3),
    new=st.lists(st.sampled_from(["x", "", 0]), max_size=3),
)
def test_only_the_region_changes(text: str, start: int, count: int, new: list[int | str]) -> None:
    lines = split(text)
    start = min(start, len(lines))
    end = min(start + count, len(lines))
    new = [each if isinstance(each, str) else start for each in new if isinstance(each, str) or start < end]
    after = splice(lines, Match(start, end, new), "\n")
    assert len(after) == len(lines) - (end - start) + len(new)
    assert [line.rstrip() for line in after[:start]] == [line.rstrip() for line in lines[:start]]
    assert after[: max(start - 1, 0)] == lines[: max(start - 1, 0)]
    assert after[start + len(new) :] == lines[end:]
    assert all(line.endswith("\n") for line in after[:-1])


@pytest.mark.parametrize(
    ("text", "match", "wanted"),
    [
        ("a\r\nb\nc\n", Match(0, 2, ["x", "y", "z"]), "x\r\ny\nz\nc\n"),
        ("a\nb", Match(1, 2, ["x", "y"]), "a\nx\ny"),
        ("a\nb", Match(2, 2, ["c"]), "a\nb\nc"),
        ("a\nb", Match(1, 2, []), "a\n"),
        ("a\r\nb\r\n", Match(1, 1, ["x"]), "a\r\nx\r\nb\r\n"),
        ("a\nb", Match(0, 2, [1, 0]), "b\na"),
        ("", Match(0, 0, ["x"]), "x\n"),
    ],
)
def test_new_lines_end_as_those_they_replace(text: str, match: Match, wanted: str) -> None:
    assert "".join(splice(split(text), match, line_ending(text))) == wanted


def test_the_line_ending_is_that_of_most_lines() -> None:
    assert line_ending("a\r\nb\r\nc\n") == "\r\n"
    assert line_ending("a\r\nb\n") == line_ending("a\rb") == line_ending("") == "\n"


def test_lines_are_numbered_within_bounds() -> None:
    assert numbered(["a\r\n", "b"], -3, 9) == "1\ta\n2\tb"
    assert numbered(["x" * 1000], 0, 1) == "1\t" + "x" * 400 + " [...]"
    assert line_numbers([0, 0, 4]) == "lines 1, 5" and line_numbers([2]) == "line 3"
    assert line_numbers(list(range(30))).endswith("20, ...")
