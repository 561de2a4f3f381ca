"""An edit that did not match is answered with the regions most like it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.nearest import nearest

LINES = st.lists(st.sampled_from(["a", "b", "  a", "    b", "\ta", "", "a ", "}"]), max_size=8)


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


def test_one_line_with_a_mistake_is_found_far_down_a_file() -> None:
    text = [f"value_{number} = {number}" for number in range(5000)]
    text[4000] = "total = sum(values) / len(values)"
    assert "4001\ttotal = sum(values) / len(values)" in nearest(text, ["total = sum(values) // len(values)"])


def test_what_is_shown_is_bounded() -> None:
    text = ["x" * 5000 + f" {number}" for number in range(200)]
    assert len(nearest(text, [line[:-1] for line in text[:100]])) < 30_000


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(text=LINES, old=LINES)
def test_nearest_shows_lines_of_the_text_under_their_numbers(text: list[str], old: list[str]) -> None:
    for line in nearest(text, old).split("\n"):
        if "\t" in line:
            number, _, shown = line.partition("\t")
            assert text[int(number) - 1] == shown
