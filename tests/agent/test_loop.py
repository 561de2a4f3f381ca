"""How a session ends where no strategy says so: its time is over in the midst of a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from working import FIX, TimeLimit, call, calls, work

from agent import redaction


def test_the_time_limit_ends_a_command_and_keeps_the_work(
    scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    limit = TimeLimit(monkeypatch)
    limit.expire_after(begun.read_bytes)
    scripted.answers = [calls(FIX), calls(call("shell", command=f": >{begun}; sleep 600"))]
    worked = work(scripted, tmp_path, time_limit=limit.SECONDS)
    assert (worked.result.status, worked.result.exit_code) == ("budget", 5)
    assert worked.result.error == "the time limit of 100000 s is over"
    assert "+    return a + b" in worked.result.patch
    assert [(seen.name, seen.ok) for seen in worked.observed] == [("edit_file", True), ("shell", False)]


def test_a_mistake_of_ours_is_told_with_a_trace_that_has_no_secret_and_is_the_owners(
    scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-k3y-0123456789"

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError(f"no header {{'Authorization': 'Bearer {key}'}} for http://me:pass-of-mine@h/v1")

    monkeypatch.setattr(redaction, "_known", redaction._Known())
    monkeypatch.setattr("agent.loop.open_backend", failing)
    worked = work(scripted, tmp_path, api_key=key)
    trace = tmp_path / "session-0" / "crash.txt"
    assert worked.result.status == "error"
    told = f"{worked.events}{trace.read_text()}{(trace.parent / 'journal.jsonl').read_text()}"
    assert key not in told and "RuntimeError" in trace.read_text()
    assert "pass-of-mine" not in told
    assert trace.stat().st_mode & 0o777 == 0o600
