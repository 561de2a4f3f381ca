"""The change that a session made, finished or not."""

from __future__ import annotations

import stat
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from recorded import FIRST, PATCH, record, result, started

from agent import redaction
from agent.errors import JournalDamaged, JournalError
from agent.redaction import know_secret
from agent.session.events import AttemptBegan, AttemptChosen, AttemptEnded, Event
from agent.session.journal import Journal
from agent.session.latest_patch import find_latest_patch
from agent.session.session import Session


def ended(number: int, patch: str, verdict: str = "fails") -> AttemptEnded:
    return AttemptEnded(number=number, status="submitted", patch=patch, verdict=verdict)


def test_a_finished_sessions_is_its_results(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST)
    (place / "workspace.patch").write_text("of an earlier snapshot")
    assert find_latest_patch(place).patch == PATCH.encode()
    assert find_latest_patch(place).origin == "the result: fixed"


def test_bytes_that_are_not_utf_8_come_from_the_kept_file(tmp_path: Path) -> None:
    raw = PATCH.encode().replace(b"a = 2", b"a = '\xe9'")
    place = record(tmp_path, FIRST, started(FIRST), result(FIRST, patch=raw.decode("utf-8", "replace")))
    assert find_latest_patch(place).patch == raw.replace(b"\xe9", "\ufffd".encode())
    (place / "workspace.patch").write_bytes(raw)
    assert find_latest_patch(place).patch == raw


def test_a_result_without_a_patch_stays_without(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST, started(FIRST), ended(1, PATCH), result(FIRST, "no_patch", patch=""))
    (place / "workspace.patch").write_text("what was undone")
    assert find_latest_patch(place).patch == b""


@pytest.mark.parametrize("last", [[], [result(FIRST, "budget", patch="")], [result(FIRST, "error", patch="")]])
def test_an_unfinished_ones_is_what_the_workspace_had(tmp_path: Path, last: list[Any]) -> None:
    place = record(tmp_path, FIRST, started(FIRST), ended(1, "an attempt's"), *last)
    (place / "workspace.patch").write_text(PATCH)
    assert find_latest_patch(place).patch == PATCH.encode()
    assert find_latest_patch(place).origin == "not finished; the workspace at its last snapshot"


def test_without_that_the_last_attempt_with_a_patch(tmp_path: Path) -> None:
    begun = [AttemptBegan(number=number, of=3) for number in (1, 2, 3)]
    events = [started(FIRST), begun[0], ended(1, "one"), begun[1], ended(2, "two"), begun[2], ended(3, "")]
    assert find_latest_patch(record(tmp_path, FIRST, *events)).patch == b"two"
    place = record(tmp_path, "chosen-one", *events, AttemptChosen(number=1, reason="smallest"))
    assert find_latest_patch(place).patch == b"one"
    assert find_latest_patch(place).origin == "not finished; attempt 1: fails"


def test_of_nothing_there_is_no_change(tmp_path: Path) -> None:
    assert find_latest_patch(record(tmp_path, FIRST, started(FIRST))).patch == b""


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST)
    (place / "journal.jsonl").write_bytes(b"x\n" + (place / "journal.jsonl").read_bytes())
    with pytest.raises(JournalDamaged, match=r"line 1 \(byte 0\)"):
        find_latest_patch(place)


SECRET = "hunter-2-pw"


@pytest.fixture
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())
    know_secret(SECRET)


def run_of(tmp_path: Path, *events: Event) -> Path:
    """A session of events that were emitted as a run does it."""
    with Journal(tmp_path / FIRST / "journal.jsonl") as journal:
        Session(FIRST, journal).emit(started(FIRST), *events)
    return tmp_path / FIRST


@pytest.mark.usefixtures("_secret")
@pytest.mark.parametrize("other", [None, "of an earlier snapshot"])
def test_a_patch_that_is_masked_in_the_journal_is_delivered_as_it_was(tmp_path: Path, other: str | None) -> None:
    patch = PATCH.replace("a = 2", f"a = '{SECRET}'  # not ***")
    raw = patch.encode() + b"-\xe9\n"
    events = [
        result(FIRST, patch=raw.decode("utf-8", "replace"), patch_base64=b64encode(raw).decode()),
        result(FIRST, patch=patch),
    ]
    for number, event in enumerate(events):
        place = run_of(tmp_path / str(number), event)
        if other is not None:
            (place / "workspace.patch").write_text(other)
        assert SECRET not in (place / "journal.jsonl").read_text()
        assert find_latest_patch(place).patch == [raw, patch.encode()][number]
        assert {stat.S_IMODE(each.stat().st_mode) for each in (place / "patches").iterdir()} == {0o600}
    last = run_of(tmp_path / "attempt", ended(1, patch))
    assert find_latest_patch(last).patch == patch.encode()


def test_a_masked_patch_of_an_earlier_version_is_the_stored_one_or_refused(tmp_path: Path) -> None:
    patch, masked = (PATCH.replace("a = 2", f"a = '{word}' + '{word}'") for word in (SECRET, "***"))
    place = record(tmp_path, FIRST, started(FIRST), result(FIRST, patch=masked))
    with pytest.raises(JournalError, match="masked"):
        find_latest_patch(place)
    (place / "workspace.patch").write_text("of an earlier snapshot")
    with pytest.raises(JournalError, match="masked"):
        find_latest_patch(place)
    (place / "workspace.patch").write_text(patch)
    assert find_latest_patch(place).patch == patch.encode()
