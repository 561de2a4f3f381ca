"""A script's values are those that the issue gives."""

from __future__ import annotations

from agent.strategy.guided.reproduce.find import ungrounded


def test_a_value_that_can_not_be_one_is_passed_over() -> None:
    assert "3" not in ungrounded("assert f({[1]: 2}) == 3", "f gives 3")
