"""A journal's events with the time of each, for those who look at a session from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.session.events import Event
from agent.session.journal import load

_TIME = re.compile(rb'"t":(\d+(?:\.\d+)?)')
_HEAD_BYTES = 200


@dataclass(frozen=True)
class Record:
    """An event, its number from 0, and when it was written, in seconds since 1970."""

    number: int
    time: float
    event: Event


def read_records(path: Path) -> Iterator[Record]:
    """A journal's whole events in order. Raises `JournalError`s as `load` does, before the first."""
    events, _ = load(path)
    with path.open("rb") as file:
        # a writer may add lines meanwhile: those that were there when it was loaded count
        for number, (event, line) in enumerate(zip(events, file, strict=False)):
            yield Record(number, _time(line), event)


def _time(line: bytes) -> float:
    match = _TIME.search(line[:_HEAD_BYTES].partition(b'"event"')[0])
    return float(match[1]) if match else 0.0


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as UTC: `2026-01-31T14:25:01.250Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
