"""A session under way: the disk first, then state, transcript and whoever watches; its time is that of all processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import FIRST, backend, call, finished, prompt, ran, reply, result, started

from agent.errors import JournalWriteFailed
from agent.session.events import Event, Resumed
from agent.session.journal import Journal, load
from agent.session.live import LiveEvent, ProgressReported
from agent.session.session import Session, only_journalled


def test_an_event_is_on_disk_before_anybody_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    seen: list[tuple[str, int]] = []

    def watch(event: Event | LiveEvent) -> None:
        assert not isinstance(event, LiveEvent)
        seen.append((event.kind, len(load(path)[0])))

    with Journal(path) as journal:
        session = Session(FIRST, journal, [watch])
        session.emit(started(FIRST))
        session.emit(backend(), prompt(("system", "s"), ("user", "u")))
        session.emit()
    assert seen == [("session_started", 1), ("backend_found", 3), ("prompt_began", 3)]
    assert session.state.started is not None and len(session.transcript.messages) == 2


def test_what_can_not_be_written_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Event | LiveEvent] = []
    with Journal(tmp_path / "journal.jsonl") as journal:
        session = Session(FIRST, journal, [seen.append])

        def full(*_: Event) -> None:
            raise JournalWriteFailed("the disk is full")

        monkeypatch.setattr(journal, "append", full)
        with pytest.raises(JournalWriteFailed):
            session.emit(started(FIRST))
    assert seen == [] and session.state.started is None


def test_what_only_goes_by_is_told_and_not_kept(tmp_path: Path) -> None:
    all_of_it: list[Event | LiveEvent] = []
    kept: list[Event] = []
    with Journal(tmp_path / "journal.jsonl") as journal:
        session = Session(FIRST, journal, [all_of_it.append, only_journalled(kept.append)])
        session.emit(started(FIRST))
        session.publish(ProgressReported("the server starts"))
    assert all_of_it == [started(FIRST), ProgressReported("the server starts")]
    assert kept == [started(FIRST)] == load(tmp_path / "journal.jsonl")[0]


def test_one_that_is_opened_again_is_as_it_was(tmp_path: Path) -> None:
    made = call("c1", command="ls")
    events = [started(FIRST), backend(), prompt(("system", "s"), ("user", "u")), reply("Hm.", made), *ran(made, "a.py")]
    with Journal(tmp_path / "journal.jsonl") as journal:
        first = Session(FIRST, journal)
        first.emit(*events)
    with Journal(tmp_path / "journal.jsonl") as journal:
        again = Session(FIRST, journal)
    assert again.state == first.state
    assert again.transcript.messages == first.transcript.messages


def at(path: Path, *timed: tuple[Event, float]) -> Session:
    """A session with events of these times."""
    with Journal(path) as journal:
        journal.append_timed(timed)
    with Journal(path) as journal:
        return Session(FIRST, journal)


def test_the_time_before_is_that_of_the_result_else_what_the_clock_says(tmp_path: Path) -> None:
    resumed = Resumed(session_id=FIRST, version="1", interrupted="killed", seconds=10.0)
    killed = at(tmp_path / "a", (started(FIRST), 100.0), (backend(), 104.0), (resumed, 900.0), (backend(), 903.0))
    assert killed.earlier_seconds() == pytest.approx(13.0)
    over = at(tmp_path / "b", *((event, 100.0 + number) for number, event in enumerate(finished(FIRST)[:-1])))
    assert over.earlier_seconds() == pytest.approx(len(finished(FIRST)) - 2)
    told = at(tmp_path / "c", (started(FIRST), 100.0), (result(FIRST, seconds={"total": 61.5}), 400.0))
    assert told.earlier_seconds() == 61.5


def test_the_parts_of_the_time_add_up(tmp_path: Path) -> None:
    session = at(tmp_path / "a", *((event, 100.0) for event in finished(FIRST)[:-1]))
    parts = session.seconds()
    assert parts.model == 1.0  # two replies of half a second
    assert parts.total >= 0 and parts.own == pytest.approx(max(parts.total - parts.model - parts.tools, 0.0))
