"""A journal's events with their numbers and times, for reading a session from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.session.events import Event
from agent.session.journal import load_timed


@dataclass(frozen=True)
class Record:
    """An event, its number from 0, and when it was written, in seconds since 1970."""

    number: int
    time: float
    event: Event


def read_records(path: Path) -> Iterator[Record]:
    """The events of a journal in order. Raises `JournalError`s as `load` does, before the first one."""
    timed, _ = load_timed(path)
    for number, (event, time) in enumerate(timed):
        yield Record(number, time, event)


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as a UTC time: `2026-01-31T14:25:01.250Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
