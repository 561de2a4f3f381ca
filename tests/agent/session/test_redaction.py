"""Secrets are masked at the event: in the journal, and before whoever watches."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from recorded import backend, started

from agent import redaction
from agent.model.types import ToolCall
from agent.redaction import know_secret
from agent.session.events import (
    EVENT,
    Ended,
    Event,
    ModelReplied,
    Observed,
    PromptBegan,
    Result,
    SessionStarted,
    SetupRan,
    UserSaid,
    Warned,
)  # fmt: skip
from agent.session.journal import Journal, load
from agent.session.live import CallStreaming, LiveEvent, ProgressReported, TextReceived
from agent.session.redaction import redacted, redacted_live
from agent.session.session import Session

SECRET = 'sk-"0123456789\\ü'


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())
    know_secret(SECRET)


EVENTS: list[Event] = [
    UserSaid(content=f"the key is {SECRET}, twice {SECRET}"),
    Observed(call_id="1", name="shell", ok=True, content=f"{SECRET!r}", meta={SECRET: [{"found": SECRET}]}),
    ModelReplied(
        content=SECRET, reasoning=SECRET, tool_calls=[ToolCall(id="1", name="shell", arguments=f'{{"a": "{SECRET}"}}')]
    ),
    PromptBegan(mode="native", messages=[{"role": "user", "content": [{"text": SECRET}]}]),
    SetupRan(command=f"x {SECRET}", exit_code=0, seconds=1.5, output=SECRET),
    Result(status="error", exit_code=3, session_id="s", patch="", error=f"internal error: {ValueError(SECRET)!r}"),
]


def test_journal_and_subscribers_get_no_secret(tmp_path: Path) -> None:
    seen: list[Event | LiveEvent] = []
    path = tmp_path / "session" / "journal.jsonl"
    with Journal(path) as journal:
        session = Session("s", journal, [seen.append])
        session.emit(*EVENTS)
        session.publish(TextReceived(f"so {SECRET}"))
        session.publish(ProgressReported(f"asking {SECRET!r}"))
    told = path.read_text() + repr(seen) + "".join(EVENT.dump_json(each).decode() for each in load(path)[0])
    assert "0123456789" not in told
    assert seen[:6] == load(path)[0]
    assert seen[0] == UserSaid(content="the key is ***, twice ***")
    assert seen[6:] == [TextReceived("so ***"), ProgressReported("asking '***'")]


@pytest.mark.parametrize("address", ["http://user:pw1@h/v1", "http://h/v1?api_key=pw1", "http://pw1@h/v1"])
def test_an_addresss_secrets_are_not_told_however_short(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())
    seen: list[Event | LiveEvent] = []
    with Journal(tmp_path / "journal.jsonl") as journal:
        session = Session("s", journal, [seen.append])
        session.emit(
            started("s", settings={"base_url": address, "model": "m"}),
            backend().model_copy(update={"base_url": address}),
            Warned(message=f"{address} is slow"),
            Ended(status="failed", reason=f"{address} can't be reached"),
            Result(status="error", exit_code=3, session_id="s", patch="", error=f"{address} can't be reached"),
        )
        session.publish(ProgressReported(f"asking {address}"))
    assert "pw1" not in (tmp_path / "journal.jsonl").read_text() + repr(seen)
    assert isinstance(seen[0], SessionStarted) and seen[0].settings["model"] == "m"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_secret_in_pieces_is_not_told(tmp_path: Path, size: int) -> None:
    text, seen = f's sk- the key is {SECRET}: sk-"{SECRET} and sk-"0123', list[Event | LiveEvent]()
    with Journal(tmp_path / "journal.jsonl") as journal:
        session = Session("s", journal, [seen.append])
        for at in range(0, len(text), size):
            session.publish(TextReceived(text[at : at + size]))
        session.emit(Warned(message="over"))
    assert "".join(each.text for each in seen if isinstance(each, TextReceived)) == text.replace(SECRET, "***")
    assert seen[-1] == Warned(message="over")


def test_an_event_without_a_secret_is_the_same_one() -> None:
    event, live = Warned(message="nothing"), CallStreaming(5)
    assert redacted(event) is event
    assert redacted_live(live) == live


def test_what_is_on_disk_is_for_its_owner_alone(tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir(mode=0o755)
    for directory in (left, tmp_path / "a" / "b"):
        with Journal(directory / "journal.jsonl") as journal:
            journal.append(Warned(message="x"))
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (directory, *directory.iterdir())}
            assert modes == {directory.name: 0o700, "journal.jsonl": 0o600, "holder": 0o600}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
