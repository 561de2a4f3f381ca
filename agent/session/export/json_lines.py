"""A session as JSON lines: the events as `--json` prints them, each with its number and time in front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.session.events import EVENT
from agent.session.export.masking import Mask
from agent.session.records import Record, timestamp


def json_lines(records: Iterable[Record], mask: Mask) -> Iterator[str]:
    """One line for each event: `{"n": 0, "time": "2026-01-31T14:25:01.250Z", "kind": …}`."""
    for record in records:
        event = EVENT.dump_python(record.event, mode="json")
        yield mask.dump({"n": record.number, "time": timestamp(record.time), **event}) + "\n"
