"""No network traffic to anything but the backend's address, from import to exit: all other sockets are refused.

`guard/sitecustomize.py` sees what Python does, children included; for the bundled runtime, whose sockets are opened by
C++, the kernel refuses as well: it runs in a network namespace that holds nothing but loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import call, swe_agent

GUARD = Path(__file__).parent / "guard"
GOOD = [
    call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
    call("shell", command="python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 1)'; echo tried"),
    call("run_tests"),
    call("submit", summary="add subtracted"),
    call("submit", summary="add subtracted"),  # after a look at the change
]
DEAD_PROXY = "http://127.0.0.1:9"


@dataclass
class Guard:
    """What the guard wrote."""

    log: Path

    def attempts(self) -> list[dict[str, Any]]:
        """All of it."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def refused(self) -> list[dict[str, Any]]:
        """What was not allowed."""
        return [attempt for attempt in self.attempts() if not attempt["allowed"]]

    def reached(self) -> set[str]:
        """The addresses that were connected to."""
        return {f"{each['host']}:{each['port']}" for each in self.attempts() if each["event"] == "socket.connect"}


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """The guard, for every Python program started from here; it allows nothing yet."""
    log = tmp_path / "sockets.jsonl"
    monkeypatch.setenv("PYTHONPATH", str(GUARD))
    monkeypatch.setenv("GUARD_LOG", str(log))
    monkeypatch.setenv("GUARD_ALLOW", "")
    return Guard(log)


def fix(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path, *more: str) -> Any:
    arguments = ["--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "bubblewrap"]
    return swe_agent("fix", *arguments, "--json", *more, home=tmp_path)


@pytest.mark.parametrize(
    ("attempt", "event"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "socket.connect"),
        ("import socket; socket.getaddrinfo('pypi.example', 443)", "socket.getaddrinfo"),
        ("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))", "socket.sendto"),
        ("import socket; socket.socket(socket.AF_UNIX).connect('/run/some.sock')", "socket.connect"),
        ("import socket; socket.socket().bind(('0.0.0.0', 0))", "socket.bind"),
        ("import urllib.request as u; u.urlopen('http://192.0.2.1/')", "socket.connect"),
        ("import subprocess, sys; subprocess.run([sys.executable, '-c', \"__import__('socket').create_connection(('192.0.2.1', 80))\"], check=True)", "socket.connect"),
    ],
)  # fmt: skip
def test_the_guard_refuses_and_records(guard: Guard, attempt: str, event: str) -> None:
    done = subprocess.run([sys.executable, "-c", attempt], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "refused by the guard" in done.stderr
    assert event in {each["event"] for each in guard.refused()}


def test_a_session_reaches_its_backend_and_nothing_else(
    guard: Guard, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARD_ALLOW", f"127.0.0.1:{scripted.port}")
    scripted.answers = GOOD
    done = fix(scripted, calc, issue_file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert guard.reached() == {f"127.0.0.1:{scripted.port}"}
    assert guard.refused() == []
    assert not {each["event"] for each in guard.attempts()} & {"socket.bind", "socket.sendto"}
    assert len(scripted.requests) == len(GOOD)


def test_a_backend_on_this_machine_is_not_reached_through_a_proxy(
    guard: Guard, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, DEAD_PROXY)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GUARD_ALLOW", f"127.0.0.1:{scripted.port}")
    scripted.answers = GOOD
    done = fix(scripted, calc, issue_file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert guard.reached() == {f"127.0.0.1:{scripted.port}"}
    assert guard.refused() == []


def test_a_backend_that_is_gone_makes_nothing_else_be_asked(
    guard: Guard, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARD_ALLOW", f"127.0.0.1:{scripted.port}")
    scripted.stop()
    done = fix(scripted, calc, issue_file, tmp_path)
    assert done.returncode == 3
    assert guard.reached() == {f"127.0.0.1:{scripted.port}"}
    assert guard.refused() == []


@pytest.mark.parametrize(
    "command",
    [("--help",), ("--version",), ("fix", "--help"), ("models", "list"), ("models", "fit"), ("sessions", "list")],
    ids=" ".join,
)
def test_what_needs_no_backend_opens_no_socket(guard: Guard, command: tuple[str, ...], tmp_path: Path) -> None:
    done = swe_agent(*command, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert guard.attempts() == []


@pytest.mark.usefixtures("real_model")
def test_the_bundled_runtime_talks_to_its_own_child_only(
    guard: Guard, calc: Path, issue_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.bubblewrap import find_bwrap

    alone = [find_bwrap(), "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--"]
    shown = subprocess.run([*alone, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True).stdout
    assert [line.split(":")[0].strip() for line in shown.splitlines()[2:]] == ["lo"]
    monkeypatch.setenv("GUARD_ALLOW", "127.0.0.1:*")
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    arguments = ["fix", "--issue", issue_file, "--repo", calc, "--model", "qwen2.5-coder-0.5b", "--strategy", "guided"]
    done = subprocess.run(
        [*alone, sys.executable, "-m", "agent", *map(str, arguments), "--max-steps", "1", "--max-tokens", "200",
         "--sandbox", "bubblewrap", "--seed", "1", "--json"],
        capture_output=True, text=True, check=False, timeout=600,
        env={**keep, "SWE_AGENT_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")},
    )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode in {0, 1, 5}, done.stderr
    assert [event for event in events if event["kind"] == "model_replied"], done.stderr
    assert guard.refused() == []
    (found,) = (event for event in events if event["kind"] == "backend_found")
    assert f"http://{guard.reached().pop()}/v1" == found["base_url"]
    assert len(guard.reached()) == 1
