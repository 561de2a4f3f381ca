"""Replies are asked for side by side where that is quicker than one after the other."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from agent.model.types import Reply, Timings, Usage
from agent.strategy.guided.repair.replies import Replies


def reply(prompt: int, read: int, read_seconds: float, generated_seconds: float) -> Reply:
    return Reply("", usage=Usage(prompt_tokens=prompt), timings=Timings(read, read_seconds, 50, generated_seconds))


@pytest.mark.parametrize(
    ("told", "wide"),
    [
        ([], 2),
        ([Reply("")], 2),  # a server that tells no times
        ([reply(2000, 2000, 26.0, 6.0)], 1),
        ([reply(2000, 2000, 0.5, 6.0)], 2),
        ([reply(2000, 2000, 26.0, 6.0), reply(2000, 1, 0.1, 6.0)], 1),  # the rest was in its cache
        ([reply(2000, 2000, 26.0, 6.0), reply(300, 1, 0.1, 6.0)], 2),
    ],
)
def test_a_slot_that_would_read_longer_than_a_reply_takes_is_left_alone(told: list[Reply], wide: int) -> None:
    backend = SimpleNamespace(server=SimpleNamespace(can=SimpleNamespace(slots=2)))
    guided: Any = SimpleNamespace(model=SimpleNamespace(backend=backend))
    assert Replies(guided, count(), told).side_by_side() == wide
