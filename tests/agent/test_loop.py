"""How a session ends where no strategy says so: its time is over in the midst of a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from working import FIX, TimeLimit, call, calls, work


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
