"""SIGKILL at any moment leaves a journal that loads, and no process of the sandbox behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from support import call

from agent.session.events import SessionStarted, ToolCalled
from agent.session.journal import Journal, load

STEPS = 12


def start(scripted: Any, repo: Path, issue: Path, home: Path) -> subprocess.Popen[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    arguments = ["fix", "--issue", str(issue), "--repo", str(repo), "--base-url", scripted.base_url]
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments, "--sandbox", "bubblewrap", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**keep, "SWE_AGENT_HOME": str(home / "data"), "XDG_CONFIG_HOME": str(home / "config")},
    )


# peers row 42
def test_a_kill_after_any_event_leaves_a_journal_that_loads(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [lambda body: call("shell", command=f"echo {len(body['messages'])} >> notes; sleep 0.05")]
    for events in (1, 2, 3, 5, 7, 8, 9, 10, 11, 13, 16, 20):
        home = tmp_path / f"killed-after-{events}"
        process = start(scripted, calc, issue_file, home)
        assert process.stdout is not None
        seen = [json.loads(process.stdout.readline()) for _ in range(events)]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        (journal,) = (home / "data" / "sessions").glob("*/journal.jsonl")
        found, _ = load(journal)
        assert len(found) >= events  # what was told was on disk before
        assert [event.kind for event in found[:events]] == [event["kind"] for event in seen]
        assert isinstance(found[0], SessionStarted)
        with Journal(journal) as again:  # the lock went with the process
            again.append(found[0])
        assert len(load(journal)[0]) == len(found) + 1


def test_no_command_survives_its_session(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [call("shell", command="sleep 987654")]
    process = start(scripted, calc, issue_file, tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["kind"] == ToolCalled.model_fields["kind"].default:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    still = "987654"
    for _ in range(600):  # the kernel ends them in its own time
        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        still = "\n".join(line for line in running.splitlines() if "sleep 987654" in line)
        if not still:
            break
    assert not still


def test_an_interrupt_ends_in_good_order(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [
        call("edit_file", path="calc.py", old="a - b", new="a + b"),
        call("shell", command="sleep 876543"),
    ]
    process = start(scripted, calc, issue_file, tmp_path)
    assert process.stdout is not None
    lines = []
    calls = 0
    for line in process.stdout:
        lines.append(json.loads(line))
        calls += lines[-1]["kind"] == "tool_called"
        if calls == 2:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=600)
    result = json.loads(rest.splitlines()[-1])
    assert process.returncode == 130
    assert (result["kind"], result["status"], result["exit_code"]) == ("result", "interrupted", 130)
    assert "return a + b" in result["patch"]
    observed = [json.loads(line) for line in rest.splitlines() if '"observed"' in line]
    assert "interrupted" in observed[-1]["content"]
