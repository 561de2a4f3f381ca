"""The kill test, small: a session that is killed anywhere and resumed ends as one that was left alone.

benchmarks/kill.py is the whole of it: every event boundary and 200 random moments of 40 steps.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import Place, Steps, check, repository, result_of

from agent.session.events import Observed, Resumed, SnapshotTaken
from agent.session.journal import load

STEPS = 6


@pytest.fixture
def model() -> Iterator[Steps]:
    steps = Steps(STEPS)
    yield steps
    steps.close()


def place_in(tmp_path: Path, model: Steps, name: str, issue: Path) -> Place:
    source = tmp_path / "numbers"
    if not source.exists():
        repository(source, STEPS)
    return Place(tmp_path / name, source, issue, model.base_url)


def test_a_session_killed_at_any_event_ends_as_if_it_had_not_been(
    model: Steps, issue_file: Path, tmp_path: Path
) -> None:
    """Case 16; peers row 10: `resume` after SIGKILL, no effect twice."""
    whole = place_in(tmp_path, model, "whole", issue_file)
    assert whole.fix().returncode == 0
    events, _ = load(whole.journal)
    patch = result_of(events).patch
    chosen = random.Random(5).sample(range(1, len(events)), 8)
    # a command that has gone to another directory, whose end is on disk in part
    ran = [at for at, event in enumerate(events) if isinstance(event, Observed) and event.name == "shell"]
    assert isinstance(events[ran[0] - 1], SnapshotTaken)
    for number in sorted({*chosen, ran[0], len(events)}):
        place = place_in(tmp_path, model, f"after-{number}", issue_file)
        wrong = check(place, patch, kill=lambda place=place, number=number: place.fix_until(number))
        assert not wrong, f"killed after event {number} ({events[number - 1].kind}): {wrong}"


def test_a_session_killed_again_and_again_goes_on(model: Steps, issue_file: Path, tmp_path: Path) -> None:
    place = place_in(tmp_path, model, "often", issue_file)
    place.fix_until(6)
    for _ in range(5):
        place.resume_until(len(load(place.journal)[0]) + 7)
    done = place.resume()
    assert done.returncode == 0, done.stderr
    events, _ = load(place.journal)
    assert sum(isinstance(event, Resumed) for event in events) == 6
    assert any(isinstance(event, Observed) and event.meta.get("interrupted") for event in events)
    result = result_of(events)
    assert "+LINE 000" in result.patch and "+return a + b" not in result.patch and "+    return a + b" in result.patch
    assert place.resume().returncode == 2  # it is finished
