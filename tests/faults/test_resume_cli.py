"""`swe-agent resume` as a user runs it: after each kind of end, on each sandbox, with the contract's exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from killing import Place, Steps, repository, result_of
from support import call, eventually

from agent.session.events import BackendFound, SandboxRestarted, SandboxStarted, SnapshotTaken, Warned
from agent.session.journal import load

STEPS = 6
FIX = call("edit_file", path="calc.py", old="return a - b", new="return a + b")
SUBMIT = call("submit", summary="done")


@pytest.fixture
def model() -> Iterator[Steps]:
    steps = Steps(STEPS)
    yield steps
    steps.close()


@pytest.fixture
def place(tmp_path: Path, model: Steps, issue_file: Path) -> Place:
    return Place(tmp_path / "session", repository(tmp_path / "numbers", STEPS), issue_file, model.base_url)


def result_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["kind"] == "result"
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_session_that_can_go_on(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    scripted.answers = [FIX, call("shell", command="sleep 765432"), SUBMIT]
    at = Place(tmp_path / "signalled", calc, issue_file, scripted.base_url)
    argv = ["fix", "--issue", str(issue_file), "--repo", str(calc), "--base-url", at.base_url, "--strategy", "agent"]
    heard = ["env", f"--default-signal={number.name[3:]}"]  # whatever the tests themselves run under
    with subprocess.Popen(
        [*heard, sys.executable, "-m", "agent", *argv, "--sandbox", "bubblewrap", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=at.environment,
    ) as process:
        assert process.stdout is not None
        began = 0
        for line in process.stdout:
            began += json.loads(line)["kind"] == "tool_called"
            if began == 2:
                break
        process.send_signal(number)
        _, errors = process.communicate(timeout=600)
    assert process.returncode == 130
    assert (
        f"swe-agent resume {at.journal.parent.name}" in errors and errors.splitlines()[-1] == "swe-agent: interrupted"
    )
    done = at.resume()
    assert done.returncode == 0, done.stderr
    result = result_line(done)
    assert (result["status"], result["session_id"]) == ("fixed", at.journal.parent.name)
    assert json.loads(done.stdout.splitlines()[0])["kind"] == "resumed"


def test_a_model_server_that_was_away_and_came_back_elsewhere(
    model: Steps, place: Place, scripted: Any, tmp_path: Path
) -> None:
    place.fix_until(14)
    model.stop()
    away = place.resume()
    assert away.returncode == 3 and result_line(away)["exit_code"] == 3
    with_other = Steps(STEPS)
    try:
        patch = tmp_path / "out.patch"
        done = place.resume("--base-url", with_other.base_url, "--patch-file", str(patch))
    finally:
        with_other.close()
    assert done.returncode == 0, done.stderr
    events, _ = load(place.journal)
    assert [event.base_url for event in events if isinstance(event, BackendFound)][-1] == with_other.base_url
    assert patch.read_text() == result_of(events).patch


def test_a_session_by_its_id_and_a_finished_one(place: Place) -> None:
    place.fix_until(15)
    name = place.journal.parent.name
    assert place.resume(name).returncode == 0
    again = place.resume(name)
    assert again.returncode == 2 and "is finished: fixed" in again.stderr
    assert result_line(again)["session_id"] == name
    none = place.resume()
    assert none.returncode == 2 and "no session to resume" in none.stderr
    assert place.resume("20200101-000000-none").returncode == 2


def test_a_damaged_journal_is_told_with_line_and_byte_and_left_as_it_is(place: Place) -> None:
    place.fix_until(15)
    name, data = place.journal.parent.name, place.journal.read_bytes()
    lines = data.splitlines(keepends=True)
    damaged = data.replace(lines[3], lines[3][:20] + b"?" + lines[3][21:])
    place.journal.write_bytes(damaged)
    done = place.resume(name)
    assert done.returncode == 1 and f"line 4 (byte {sum(map(len, lines[:3]))}) is damaged" in done.stderr
    assert place.journal.read_bytes() == damaged


def test_a_full_disk_stops_a_session_and_loses_nothing(place: Place) -> None:
    """Case 18: the journal can't grow; what was there is whole and the session goes on where there is room again."""
    place.fix_until(15)
    name, before = place.journal.parent.name, place.journal.read_bytes()
    limit = (
        f"import os, resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 700}, resource.RLIM_INFINITY))"
    )
    # the limit is the program's own; what runs in the sandbox writes less than that into one file
    script = f"{limit}; from agent.__main__ import main; main()"
    argv = [sys.executable, "-c", script, "resume", name, "--json"]
    full = subprocess.run(argv, capture_output=True, text=True, env=place.environment, timeout=600, check=False)
    assert full.returncode == 1, full.stderr
    assert "can't be written" in full.stderr
    assert place.journal.read_bytes().startswith(before)
    done = place.resume(name)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("docker_engine")
def test_a_container_left_behind_is_replaced_on_the_same_volume(place: Place) -> None:
    from sandbox.docker_engine import connect

    place = replace(place, sandbox="docker")
    place.fix_until(18)
    name = f"swe-agent-{place.journal.parent.name}"
    client = connect()
    try:
        # where another process has started a container since, this one is gone already
        old = {each.id for each in client.containers.list(all=True, filters={"name": name}, ignore_removed=True)}
        done = place.resume()
        assert done.returncode == 0, done.stderr
        events, _ = load(place.journal)
        assert [event for event in events if isinstance(event, SandboxRestarted)]
        assert len([event for event in events if isinstance(event, SandboxStarted)]) == 1
        left = {each.id for each in client.containers.list(all=True, filters={"name": name}, ignore_removed=True)}
        assert not left & old and not left
        assert not client.volumes.list(filters={"name": name})
    finally:
        client.close()


@pytest.mark.usefixtures("docker_engine")
def test_a_volume_that_was_removed_costs_no_change(place: Place) -> None:
    from sandbox.docker import remove_orphans
    from sandbox.docker_engine import connect

    place = replace(place, sandbox="docker")
    place.fix_until(22)
    events, _ = load(place.journal)
    assert [event for event in events if isinstance(event, SnapshotTaken)]
    name = f"swe-agent-{place.journal.parent.name}"
    client = connect()
    try:
        for each in (name, f"{name}-clean"):
            remove_orphans(client)
            eventually(
                lambda name=each: (
                    not client.containers.list(all=True, filters={"name": f"^/{name}$"}, ignore_removed=True)
                )
            )
            client.volumes.get(each).remove(force=True)
    finally:
        client.close()
    done = place.resume()
    assert done.returncode == 0, done.stderr
    events, _ = load(place.journal)
    assert [
        event for event in events if isinstance(event, Warned) and "made again with its last change" in event.message
    ]
    assert "+LINE 000" in result_of(events).patch
