"""The values an issue expects are those that stand where it says what is right."""

from __future__ import annotations

import pytest

from agent.strategy.guided.issue.expected_values import MAX_VALUES, expected_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("It gives -1. It should be 5.", ["5"]),
        ("It is 3 instead of '4' or [1,2].", ["'4'", "[1, 2]"]),
        ("It is 7. It is wrong.", []),
        ("### Expected output\n\n```\n[1, 2]\n```\n\n7", ["[1, 2]"]),
        ("Expected 5, 5 and 5.0; it gives 6", ["5", "5.0"]),
        ("### Expected behavior\n\n1. The plot is drawn\n2) and shown", []),
        ("It must be oo, since version 1.12 of it, or Python 3.7", []),
        ("It should be fixed, see #1234 and ticket 56", []),
    ],
)
def test_values_behind_a_word_of_expectation(text: str, values: list[str]) -> None:
    assert expected_values(text) == values


def test_they_are_few() -> None:
    assert len(expected_values("should be " + ", ".join(map(str, range(20))))) == MAX_VALUES
