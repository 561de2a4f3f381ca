"""What a benchmark reads from a session's JSON lines, whole or broken off."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.bench.session_record import SessionRecord, read_session_record
from agent.model.types import Usage
from agent.session.events import (
    EVENT,
    BackendFound,
    Event,
    ModelReplied,
    Result,
    SandboxStarted,
    SetupRan,
    Warned,
)

REPLY = ModelReplied(content="…", usage=Usage(prompt_tokens=10, completion_tokens=2))
RESULT = Result(status="fixed", exit_code=0, session_id="s", patch="p")
EVENTS: list[Event] = [
    BackendFound(base_url="", server="", model="m", window=1),
    SandboxStarted(sandbox="docker"),
    Warned(message="not looked at"),
    SetupRan(command="make", exit_code=0, seconds=1, output=""),
    REPLY,
    REPLY,
    RESULT,
]


def write_lines(path: Path, events: list[Event], tail: bytes = b"") -> Path:
    path.write_bytes(b"".join(EVENT.dump_json(event) + b"\n" for event in events) + tail)
    return path


def test_a_whole_session(tmp_path: Path) -> None:
    record = read_session_record(write_lines(tmp_path / "events.jsonl", EVENTS))
    assert record == SessionRecord(
        result=RESULT,
        model="m",
        sandbox_started=True,
        setup="make",
        usage=Usage(prompt_tokens=20, completion_tokens=4),
    )


def test_a_session_that_was_cut_off_has_what_came_before(tmp_path: Path) -> None:
    cut = EVENT.dump_json(RESULT)[:-4]
    record = read_session_record(write_lines(tmp_path / "events.jsonl", EVENTS[:-1], cut))
    assert (record.result, record.model, record.usage.prompt_tokens) == (None, "m", 20)
    record = read_session_record(write_lines(tmp_path / "events.jsonl", EVENTS[:-1], cut + b"\n"))
    assert record.result is None


def test_a_setup_that_failed_has_its_exit_code_and_the_end_of_its_output(tmp_path: Path) -> None:
    setup = SetupRan(command="make", exit_code=7, seconds=1, output="x" * 1000 + " no disk\n")
    error = read_session_record(write_lines(tmp_path / "events.jsonl", [setup])).setup_error
    assert error.startswith("exit code 7: xxx") and error.endswith(" no disk") and len(error) < 330


def test_without_a_file_the_record_is_empty(tmp_path: Path) -> None:
    assert read_session_record(tmp_path / "missing.jsonl") == SessionRecord()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1, "ended with exit code 1 without"),
        (-9, "was killed by signal 9 without"),
        (None, "ended with exit code None"),
    ],
)
def test_a_process_that_ends_without_a_result_says_how(code: int | None, error: str) -> None:
    record = SessionRecord().with_exit(code, 3.0, timeout=None)
    assert error in record.process_error
    assert (record.seconds, record.timed_out) == (3.0, False)


def test_a_result_or_a_timeout_explains_the_end() -> None:
    record = SessionRecord(result=RESULT)
    assert record.with_exit(0, 3.0, timeout=None) == SessionRecord(result=RESULT, seconds=3.0)
    late = record.with_exit(-15, 9.0, timeout=8.0)
    assert (late.timed_out, late.process_error) == (True, "it did not end by itself within 8 s")
