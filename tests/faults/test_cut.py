"""The cut test: a journal cut at every byte of its last three events loads its longest whole beginning, and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from working import FIX, SUBMIT, calls, work

from agent.errors import JournalDamaged
from agent.session.events import Warned
from agent.session.journal import Journal, load
from agent.session.session import Session


def test_a_journal_cut_at_any_byte_of_its_last_three_events(scripted: Any, tmp_path: Path) -> None:
    """Case 17; peers row 42."""
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    work(scripted, tmp_path, test="python3 -m unittest")
    journal = tmp_path / "session-0" / "journal.jsonl"
    data = journal.read_bytes()
    events, size = load(journal)
    assert size == len(data)
    lines = data.splitlines(keepends=True)
    ends = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    after = Warned(message="what comes next")
    place = tmp_path / "cut" / "journal.jsonl"
    place.parent.mkdir()
    for cut in range(ends[-4], len(data) + 1):
        whole = max(number for number, end in enumerate(ends) if end <= cut)
        place.write_bytes(data[:cut])
        assert load(place) == (events[:whole], ends[whole]), cut
        with Journal(place) as opened:
            assert Session("cut", opened).state.totals.steps == sum(
                each.kind == "model_replied" for each in events[:whole]
            )
            opened.append(after)
        assert load(place)[0] == [*events[:whole], after], cut
        assert place.read_bytes().startswith(data[: ends[whole]])


def test_a_journal_cut_in_the_middle_is_damage_that_is_told(scripted: Any, tmp_path: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    work(scripted, tmp_path, test="python3 -m unittest")
    journal = tmp_path / "session-0" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    at = sum(map(len, lines[:4]))
    journal.write_bytes(b"".join([*lines[:4], lines[4][: len(lines[4]) // 2], *lines[5:]]))
    with pytest.raises(JournalDamaged, match=rf"line 5 \(byte {at}\)"):
        load(journal)
