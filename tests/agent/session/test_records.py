"""A journal read from outside: every event with its time, also while another process writes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from recorded import FIRST, finished, record

from agent.errors import JournalDamaged
from agent.session.records import read_records, timestamp


def test_events_come_in_order_with_the_time_they_were_written(tmp_path: Path) -> None:
    before = time.time()
    journal = record(tmp_path, FIRST) / "journal.jsonl"
    after = time.time()
    records = list(read_records(journal))
    assert [each.event for each in records] == finished(FIRST)
    assert [each.number for each in records] == list(range(len(records)))
    written = [json.loads(line)["t"] for line in journal.read_text().splitlines()]
    assert [each.time for each in records] == written
    assert before - 0.001 <= records[0].time <= after + 0.001


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    journal = record(tmp_path, FIRST) / "journal.jsonl"
    whole = len(list(read_records(journal)))
    with journal.open("ab") as file:
        file.write(b'{"v":1,"n":99,"t":1.0')
    assert len(list(read_records(journal))) == whole


def test_damage_is_told_before_the_first_event(tmp_path: Path) -> None:
    journal = record(tmp_path, FIRST) / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"You fix", b"You mix")
    journal.write_bytes(b"".join(lines))
    at = sum(map(len, lines[:3]))
    with pytest.raises(JournalDamaged, match=rf"line 4 \(byte {at}\) is damaged"):
        next(read_records(journal))


def test_times_are_utc_to_the_millisecond() -> None:
    assert timestamp(1_769_869_501.25) == "2026-01-31T14:25:01.250Z"
