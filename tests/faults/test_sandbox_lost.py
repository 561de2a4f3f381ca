"""A sandbox that dies in the middle of a session is started again, the work in it goes on, and the model is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import call, swe_agent

EDIT = call("edit_file", path="calc.py", old="return a - b", new="return a + b")


def events_of(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


# peers row 9
def test_a_shell_that_kills_its_supervisor(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [EDIT, call("shell", command="kill -9 $PPID; sleep 60"), call("submit", summary="done")]
    arguments = ["--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "bubblewrap"]
    done = swe_agent("fix", *arguments, "--json", home=tmp_path)
    events = events_of(done)
    assert done.returncode == 0, done.stderr
    assert [event for event in events if event["kind"] == "sandbox_restarted"]
    told = [event["content"] for event in events if event["kind"] == "observed" and not event["ok"]]
    assert len(told) == 1
    assert "started again" in told[0]


# peers row 9; case 14
@pytest.mark.usefixtures("docker_engine")
def test_a_container_that_is_killed(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    from sandbox.docker_engine import connect

    def kill_then_read(_: dict[str, Any]) -> dict[str, Any]:
        (session,) = (tmp_path / "data" / "sessions").iterdir()
        client = connect()
        try:
            client.containers.get(f"swe-agent-{session.name}").kill()
        finally:
            client.close()
        return call("read_file", path="calc.py")

    scripted.answers = [EDIT, kill_then_read, call("read_file", path="calc.py"), call("submit", summary="done")]
    arguments = ["--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "docker"]
    done = swe_agent("fix", *arguments, "--json", home=tmp_path)
    events = events_of(done)
    assert done.returncode == 0, done.stderr
    assert [event for event in events if event["kind"] == "sandbox_restarted"]
    read = [event["content"] for event in events if event["kind"] == "observed" and event["name"] == "read_file"]
    assert "started again" in read[0]
    assert "return a + b" in read[1]
