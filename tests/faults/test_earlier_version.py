"""Sessions that version 0.1.0 journalled and a kill interrupted: they load, go on where they were, and are exported.

`data/sessions` has them as they were written, but for the repository, the model server's address and the time.
"""

from __future__ import annotations

import json
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from support import CALC, call, git, make_repository, swe_agent

from agent.session.events import CandidateMade, Event, Observed, PromptBegan, SessionStarted, ToolCalled
from agent.session.export import Format, export_session
from agent.session.journal import load
from agent.session.overview import read_overview

DATA = Path(__file__).parents[1] / "data" / "sessions"
AGENT, GUIDED = "20260131-142501-ag3n", "20260131-142502-gu2d"
_REPOSITORY = b"/srv/code/calc"
_LINE = re.compile(rb'(\{"v":1,"n":\d+,"t":[\d.]+),"len":\d+,"crc":"\w+","event":(.*)\}')


@dataclass(frozen=True)
class Recorded:
    """A recorded session in a home of its own."""

    name: str
    home: Path

    @property
    def directory(self) -> Path:
        return self.home / "data" / "sessions" / self.name

    @property
    def journal(self) -> Path:
        return self.directory / "journal.jsonl"

    def events(self) -> list[Event]:
        return load(self.journal)[0]

    def run(self, *args: str) -> Any:
        return swe_agent(*args, home=self.home)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Recorded]:
    """Puts a recorded session and its repository, the same commit as there was, on this machine."""
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "2026-01-31T14:00:00Z")
    repository = make_repository(tmp_path / "calc", CALC)

    def place(name: str) -> Recorded:
        session = Recorded(name, tmp_path / "home")
        shutil.copytree(DATA / name, session.directory)
        lines = session.journal.read_bytes().splitlines()
        session.journal.write_bytes(b"".join(_moved(line, bytes(repository)) for line in lines))
        started = session.events()[0]
        assert isinstance(started, SessionStarted)
        assert started.base_commit == git(repository, "rev-parse", "HEAD").strip()
        return session

    return place


def _moved(line: bytes, repository: bytes) -> bytes:
    """A journal's line with the repository where it is now."""
    found = _LINE.fullmatch(line)
    assert found is not None
    event = found[2].replace(_REPOSITORY, repository)
    return b'%s,"len":%d,"crc":"%08x","event":%s}\n' % (found[1], len(event), zlib.crc32(event), event)


@pytest.mark.parametrize(("name", "count"), [(AGENT, 20), (GUIDED, 19)])
def test_it_loads_whole_and_is_listed_as_interrupted(
    recorded: Callable[[str], Recorded], name: str, count: int
) -> None:
    session = recorded(name)
    events, size = load(session.journal)
    assert (len(events), size) == (count, session.journal.stat().st_size)
    assert read_overview(session.directory).status == "interrupted"
    listed = session.run("sessions", "list")
    assert listed.returncode == 0 and name in listed.stdout, listed.stderr


@pytest.mark.parametrize(("name", "said"), [(AGENT, "The sum subtracts."), (GUIDED, "return b - a")])
@pytest.mark.parametrize("form", get_args(Format))
def test_it_is_exported(recorded: Callable[[str], Recorded], name: str, said: str, form: Format) -> None:
    session = recorded(name)
    text = b"".join(export_session(session.directory, form)).decode()
    documents = [json.loads(line) for line in text.splitlines()] if form == "jsonl" else [json.loads(text)]
    assert len(documents) == (len(session.events()) if form == "jsonl" else 1)
    assert name in text and said in text


def test_an_agents_session_goes_on(recorded: Callable[[str], Recorded], scripted: Any) -> None:
    session = recorded(AGENT)
    before = session.journal.read_bytes()
    (prompt,) = [event for event in session.events() if isinstance(event, PromptBegan)]
    scripted.answers = [call("shell", command="cat notes.txt"), call("submit", summary="add subtracted")]
    done = session.run("resume", AGENT, "--base-url", scripted.base_url, "--json")
    assert done.returncode == 0, done.stderr
    assert session.journal.read_bytes().startswith(before)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["status"], result["files"]) == ("fixed", ["calc.py", "notes.txt"])
    assert "+    return a + b\n" in result["patch"] and "+kept\n" in result["patch"]
    sent = scripted.requests[0]["messages"]
    assert sent[: len(prompt.messages)] == prompt.messages  # as that version wrote it, to the last byte
    assert sent[-1]["role"] == "tool" and sent[-1]["content"].startswith("interrupted")
    events = session.events()
    assert Counter(event.call.id for event in events if isinstance(event, ToolCalled)).most_common(1)[0][1] == 1
    (seen,) = [event for event in events if isinstance(event, Observed) and event.content.startswith("kept\n")]
    assert "once" not in seen.content  # what was under way when it was killed was not run again
    assert b"".join(export_session(session.directory, "atif"))


def test_a_guided_session_goes_on(recorded: Callable[[str], Recorded], scripted: Any) -> None:
    session = recorded(GUIDED)
    before = session.journal.read_bytes()
    tried = sum(isinstance(event, CandidateMade) for event in session.events())
    scripted.answers = ['```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```']
    done = session.run("resume", GUIDED, "--base-url", scripted.base_url, "--json")
    assert done.returncode == 0, done.stderr
    assert session.journal.read_bytes().startswith(before)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["status"], result["strategy"], result["attempts"]) == ("fixed", "guided", tried + 1)
    assert "+    return a + b\n" in result["patch"]
    assert b"".join(export_session(session.directory, "atif"))
