"""The warning to a user whose workers would wait for each other."""

from __future__ import annotations

import pytest

from agent.bench.serving import slots_warning


@pytest.mark.parametrize(
    ("workers", "slots", "words"),
    [
        (1, 1, ""),
        (4, 4, ""),
        (4, None, ""),
        (4, 1, "answers 1 request at once: 4"),
        (3, 2, "answers 2 requests at once: 3"),
    ],
)
def test_more_workers_than_slots_are_warned_of(workers: int, slots: int | None, words: str) -> None:
    warning = slots_warning(workers, slots)
    assert words in warning
    assert bool(words) == bool(warning)
