"""A script's values are those that the issue gives."""

from __future__ import annotations

import pytest

from agent.strategy.guided.reproduce.model_script import invented_values

ISSUE = "`total([1, 2], rate=0.5)` gives 3, it should be '4.5'"


@pytest.mark.parametrize(
    ("script", "invented"),
    [
        ("assert total([1, 2], rate=0.5) == 4.5", []),
        ("assert total([1,2]) == 3, 'the message is its own'", []),
        ("assert total([1, 3]) == 7", ["[1, 3]", "7"]),
        ("x = {'a': 9}\nassert total(x) == (1, 2)", ["{'a': 9}", "(1, 2)"]),
        ("assert f({[1]: 2}) == 3", ["[1]"]),  # no value, but its parts
        ("def f(:", []),
    ],
)
def test_values_that_the_issue_does_not_give_are_invented(script: str, invented: list[str]) -> None:
    assert invented_values(script, ISSUE) == invented
