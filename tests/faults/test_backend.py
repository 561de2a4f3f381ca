"""Everything a model server can do wrong in the middle of a session: mended where it can be, else told, with the work
kept. Nothing of a reply that broke off is ever run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.faults import (
    HALF_JSON,
    HTML,
    HTML_200,
    Cut,
    Endless,
    ErrorInStream,
    Fault,
    Pings,
    Resplit,
    Silent,
    Status,
    Unfinished,
    Whole,
)
from support import call

from agent.session.journal import load

# As a user runs it, but what waits for a server does so for moments: retries, and silence that is taken for death.
LAUNCH = """
from agent.model import client, http
client.RETRY_SECONDS = {retry}
client.wait_exponential_jitter = lambda **_: lambda _: 0.1
http.open_http.__kwdefaults__["read_seconds"] = {idle}
from agent.__main__ import main
main()
"""
READ = call("read_file", path="calc.py")
EDIT = call("edit_file", path="calc.py", old="return a - b", new="return a + b")
SUBMIT = call("submit", summary="add subtracted")
HARM = {"content": "Now I will clean up:", "calls": [("shell", '{"command": "touch harm; git rm -qf calc.py"}')]}


class Session:
    """A `swe-agent fix --json` under way: its events as they come, and its end."""

    def __init__(
        self, scripted: Any, repo: Path, issue: Path, home: Path, *more: str, retry: float, idle: float
    ) -> None:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
        arguments = [
            "fix",
            "--issue",
            str(issue),
            "--repo",
            str(repo),
            "--base-url",
            scripted.base_url,
            "--json",
            *more,
        ]
        self.home = home
        with (home / "stderr.txt").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH.format(retry=retry, idle=idle), *arguments, "--sandbox", "bubblewrap"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**keep, "SWE_AGENT_HOME": str(home / "data"), "XDG_CONFIG_HOME": str(home / "config")},
            )
        self.events: list[dict[str, Any]] = []

    def until(self, kind: str) -> None:
        """Read events up to the first of a kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["kind"] == kind:
                return
        raise AssertionError(f"it ended without a {kind}: {self.stderr()}")

    def end(self) -> dict[str, Any]:
        """Read the rest; the result."""
        rest, _ = self.process.communicate(timeout=600)
        self.events += [json.loads(line) for line in rest.splitlines()]
        assert "Traceback" not in self.stderr()
        assert self.events[-1]["kind"] == "result"
        return self.events[-1]

    def stderr(self) -> str:
        """Standard error."""
        return (self.home / "stderr.txt").read_text()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind."""
        return [event for event in self.events if event["kind"] == kind]

    def check_journal(self) -> None:
        """What was told is what is on disk, all of it, readable."""
        (journal,) = (self.home / "data" / "sessions").glob("*/journal.jsonl")
        found, _ = load(journal)
        assert [event.kind for event in found] == [event["kind"] for event in self.events]


@pytest.fixture
def start(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Starts a session with a script of answers; none outlives its test."""
    started: list[Session] = []

    def begin(*answers: Any, more: tuple[str, ...] = (), retry: float = 300.0, idle: float = 300.0) -> Session:
        scripted.answers = list(answers)
        started.append(Session(scripted, calc, issue_file, tmp_path, *more, retry=retry, idle=idle))
        return started[-1]

    yield begin
    for session in started:
        session.process.kill()
        session.process.communicate()


def nothing_harmful(session: Session) -> None:
    """The call of the reply that broke off was neither run nor kept."""
    assert "harm" not in json.dumps(session.events)


MENDED: dict[str, Fault] = {
    "reset": Cut(HARM, 6, "reset"),
    "cut": Cut(HARM, 6, "cut"),
    "cut within an event": Cut(HARM, 4, "cut", mid=True),
    "closed as if that were all": Cut(HARM, 4, "closed"),
    "no end": Unfinished(HARM),
    "429 with Retry-After": Status(429, "busy", headers={"Retry-After": "0"}),
    "408": Status(408),
    "500": Status(500),
    "502, a proxy's page": HTML,
    "503": Status(503, "Loading model", "unavailable_error"),
    "a page": HTML_200,
    "half a JSON document": HALF_JSON,
    "an error under way": ErrorInStream("the slot was lost", HARM, 4),
    "an empty reply": Whole({"content": ""}),
    "repetition without end": Endless(),
}


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
# cases 20 and 21
def test_what_can_be_mended_is_and_the_session_goes_on(
    start: Callable[..., Session], scripted: Any, fault: Fault
) -> None:
    session = start(READ, fault, EDIT, SUBMIT, SUBMIT)  # the first submit is answered with the change to look at
    result = session.end()
    assert (result["status"], result["exit_code"], session.process.returncode) == ("fixed", 0, 0), session.stderr()
    assert result["files"] == ["calc.py"]
    assert len(scripted.requests) == 5 and scripted.requests[1]["messages"] == scripted.requests[2]["messages"]
    assert len(session.of("warned")) == 1  # told once, in the journal
    nothing_harmful(session)
    session.check_journal()


@pytest.mark.parametrize(
    "fault", [Pings(EDIT), Resplit(EDIT, 3), Whole(EDIT)], ids=["pings", "split anywhere", "whole"]
)
def test_what_is_no_fault_is_read_at_once(start: Callable[..., Session], scripted: Any, fault: Fault) -> None:
    session = start(READ, fault, SUBMIT, SUBMIT)
    assert session.end()["status"] == "fixed", session.stderr()
    assert len(scripted.requests) == 4 and not session.of("warned")


def test_a_server_that_falls_silent_is_given_up_on_and_asked_again(start: Callable[..., Session]) -> None:
    silent = Silent(HARM, pieces=6)
    session = start(READ, silent, EDIT, SUBMIT, idle=3.0)
    result = session.end()
    assert silent.begun.is_set() and not silent.release.is_set()
    silent.release.set()
    assert result["status"] == "fixed", session.stderr()
    nothing_harmful(session)
    session.check_journal()


# case 20
def test_a_server_that_is_started_again_is_waited_for(start: Callable[..., Session], scripted: Any) -> None:
    def gone(_: dict[str, Any]) -> dict[str, Any]:
        scripted.stop()
        return HARM

    session = start(READ, gone, EDIT, SUBMIT)
    session.until("warned")  # connecting was refused
    scripted.start()
    assert session.end()["status"] == "fixed", session.stderr()
    nothing_harmful(session)
    session.check_journal()


def test_a_server_that_is_loading_its_model_is_waited_for(start: Callable[..., Session], scripted: Any) -> None:
    scripted.loading = 1
    session = start(READ, EDIT, SUBMIT)
    assert session.end()["status"] == "fixed", session.stderr()
    assert "loading" in session.stderr()


def test_the_guided_strategy_mends_too(start: Callable[..., Session], scripted: Any) -> None:
    good = '```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```'
    bad = "```python\ndef add(a, b):\n    return harm(a, b)\n```"
    session = start(Cut(bad, 2), Status(500), good, more=("--strategy", "guided"))
    assert session.end()["status"] == "fixed", session.stderr()
    assert len(scripted.requests) == 3
    nothing_harmful(session)


STAYING: dict[str, tuple[Fault, str]] = {
    "reset": (Cut(HARM, 6, "reset"), "is it running"),
    "cut": (Cut(HARM, 6, "cut"), "is it running"),
    "closed as if that were all": (Cut(HARM, 4, "closed"), "see the server's log"),
    "500": (Status(500, "out of memory"), "out of memory"),
    "502, a proxy's page": (HTML, "502"),
    "503": (Status(503, "Loading model"), "Loading model"),
    "a page": (HTML_200, "is it running"),
    "half a JSON document": (HALF_JSON, "is it running"),
    "an error under way": (ErrorInStream("the slot was lost", HARM, 4), "the slot was lost"),
    "a key that is taken back": (Status(401, "no such key"), "is the API key right?"),
}


@pytest.mark.parametrize(("fault", "says"), STAYING.values(), ids=STAYING)
# case 21
def test_what_stays_broken_ends_the_session_with_its_work_kept(
    start: Callable[..., Session], fault: Fault, says: str
) -> None:
    session = start(EDIT, fault, retry=0.3)
    result = session.end()
    assert (result["status"], result["exit_code"], session.process.returncode) == ("error", 3, 3), session.stderr()
    assert says in session.stderr().splitlines()[-1]
    assert says in result["error"]
    assert "+    return a + b" in result["patch"]
    nothing_harmful(session)
    session.check_journal()


def test_a_server_that_stays_silent_ends_it(start: Callable[..., Session]) -> None:
    silent = Silent(HARM, pieces=6)
    session = start(EDIT, silent, retry=0.3, idle=3.0)
    result = session.end()
    silent.release.set()
    assert (result["status"], session.process.returncode) == ("error", 3), session.stderr()
    assert "+    return a + b" in result["patch"]
    nothing_harmful(session)


def test_a_server_that_stays_away_ends_it(start: Callable[..., Session], scripted: Any) -> None:
    def gone(_: dict[str, Any]) -> dict[str, Any]:
        scripted.stop()
        return HARM

    session = start(EDIT, gone, retry=0.3)
    result = session.end()
    assert (result["status"], session.process.returncode) == ("error", 3), session.stderr()
    last = session.stderr().splitlines()[-1]
    assert scripted.base_url in last and "is it running" in last
    assert "+    return a + b" in result["patch"]
    session.check_journal()


@pytest.mark.parametrize(
    "cut",
    [
        {"calls": [("shell", '{"command": "touch harm')], "finish": "length"},
        {"content": '<tool_call>\n{"name": "shell", "arguments": {"command": "touch harm', "finish": "length"},
        {"content": "<tool_call>\n<function=shell>\n<parameter=command>\ntouch harm", "finish": "length"},
    ],
    ids=["native", "in JSON", "in tags"],
)
def test_a_call_cut_at_the_limit_is_not_run(start: Callable[..., Session], cut: dict[str, Any]) -> None:
    session = start(READ, cut, EDIT, SUBMIT)
    assert session.end()["status"] == "fixed", session.stderr()
    assert "harm" not in json.dumps(session.of("tool_called"))
    assert session.events[-1]["files"] == ["calc.py"]
