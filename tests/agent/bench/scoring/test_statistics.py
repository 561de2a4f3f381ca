"""The intervals and the paired test, against values computed by others."""

from __future__ import annotations

import pytest

from agent.bench.scoring.statistics import Paired, paired, wilson


@pytest.mark.parametrize(
    ("solved", "tasks", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (15, 18, 0.6078, 0.9416), (81, 263, 0.2553, 0.3662)],
)
def test_wilson(solved: int, tasks: int, low: float, high: float) -> None:
    assert wilson(solved, tasks) == pytest.approx((low, high), abs=6e-5)


def test_wilson_of_nothing_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("first", "second", "p"), [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375)])
def test_mcnemar(first: int, second: int, p: float) -> None:
    assert Paired(50, 10, first, second).p == pytest.approx(p)
    assert Paired(50, 10, second, first).p == pytest.approx(p)


def test_mcnemar_of_very_many() -> None:
    assert Paired(5000, 0, 1500, 1500).p == 1.0
    assert Paired(5000, 0, 0, 3000).p == pytest.approx(0.0, abs=1e-300)


def test_the_difference_lies_in_its_interval() -> None:
    for first, second in ((0, 0), (1, 9), (9, 1), (20, 0)):
        pair = Paired(20, 0, first, second)
        low, high = pair.interval
        assert -1 <= low <= high <= 1
        assert low <= pair.difference * 20 / 22 <= high


def test_only_common_tasks_are_compared() -> None:
    pair = paired({"a": True, "b": True, "c": False, "x": True}, {"a": True, "b": False, "c": True, "y": True})
    assert pair == Paired(3, 1, 1, 1)
