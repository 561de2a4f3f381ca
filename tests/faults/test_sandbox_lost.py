"""A sandbox that dies in the middle of a session is started again, the work in it goes on, and the model is told."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support import call, swe_agent

EDIT = call("edit_file", path="calc.py", old="return a - b", new="return a + b")


def events_of(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def processes() -> dict[int, tuple[int, str, str]]:
    """Parent, name and state of each process."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            before, _, after = (place / "stat").read_text().rpartition(")")
            found[int(place.name)] = (int(after.split()[1]), before.partition("(")[2], after.split()[0])
    return found


def kill_what_runs(name: str, above: int) -> None:
    """Kill the processes called `name` that descend from the process `above`, and all below them, and see them gone."""
    found = processes()

    def line(pid: int) -> list[int]:
        return [pid, *line(found[pid][0])] if pid in found else []

    named = {pid for pid, (_, called, _) in found.items() if called == name and above in line(pid)}
    killed = {pid for pid in found if named & set(line(pid))}
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while any(processes().get(pid, (0, "", "Z"))[2] != "Z" for pid in killed):
        pass


# peers row 9
def test_what_bubblewrap_runs_in_is_killed(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    def kill_then_read(_: dict[str, Any]) -> dict[str, Any]:
        kill_what_runs("bwrap", os.getpid())
        return call("read_file", path="calc.py")

    scripted.answers = [EDIT, kill_then_read, call("read_file", path="calc.py"), call("submit", summary="done")]
    arguments = ["--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "bubblewrap"]
    done = swe_agent("fix", *arguments, "--json", home=tmp_path)
    events = events_of(done)
    assert done.returncode == 0, done.stderr
    assert [event for event in events if event["kind"] == "sandbox_restarted"]
    read = [event["content"] for event in events if event["kind"] == "observed" and event["name"] == "read_file"]
    assert "started again" in read[0]
    assert "return a + b" in read[1]


def test_a_command_cannot_kill_what_runs_it(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [EDIT, call("shell", command="kill -9 $PPID; kill -9 1; true"), call("submit", summary="done")]
    arguments = ["--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "bubblewrap"]
    done = swe_agent("fix", *arguments, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not [event for event in events_of(done) if event["kind"] == "sandbox_restarted"]


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
