"""`swe-agent fix --allow-host` from outside: what the setup may reach, and what the user is told that it wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import call, swe_agent

ANSWERS = [
    call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
    call("shell", command="exec 3<>/dev/tcp/127.0.0.1/3128 && echo the proxy; tail -n +3 /proc/net/dev; env"),
    call("run_tests"),
    call("submit", summary="add subtracted"),
]
# bash alone: any sandbox has it
SETUP = (
    "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT wanted.test:443 HTTP/1.1\\r\\nHost: wanted.test\\r\\n\\r\\n' >&3; "
    "head -n 1 <&3"
)


def fix(scripted: Any, repo: Path, issue: Path, home: Path, *more: str) -> Any:
    return swe_agent("fix", "--issue", issue, "--repo", repo, "--base-url", scripted.base_url, *more, home=home)


def test_the_hosts_that_the_setup_wanted_are_told(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = ANSWERS
    options = [
        "--sandbox",
        kind,
        "--json",
        "--setup",
        SETUP,
        "--allow-host",
        "allowed.test",
        "--allow-host",
        "*.b.test",
    ]
    done = fix(scripted, calc, issue_file, tmp_path, *options)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (setup,) = [each for each in events if each["kind"] == "setup_ran"]
    assert setup["refused_hosts"] == ["wanted.test"] and "403 wanted.test: not allowed" in setup["output"]
    assert events[0]["settings"]["allow_hosts"] == ["allowed.test", "*.b.test"]
    assert "--allow-host wanted.test would allow" in done.stderr
    observed = json.dumps([each for each in events if each["kind"] == "observed"])
    assert "lo:" in observed
    assert "the proxy" not in observed and "http_proxy" not in observed  # the agent has no network at all


def test_with_network_allow_the_agent_reaches_the_proxy_and_knows(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [call("shell", command=SETUP), *ANSWERS]
    options = ["--sandbox", kind, "--json", "--network", "allow", "--allow-host", "allowed.test"]
    done = fix(scripted, calc, issue_file, tmp_path, *options)
    assert done.returncode == 0, done.stderr
    assert "403 wanted.test: not allowed" in done.stdout and "--allow-host wanted.test would allow" in done.stderr
    assert "network access only to allowed.test" in json.dumps(scripted.requests[-1])


@pytest.mark.parametrize("pattern", ["*", "127.0.0.1", "https://allowed.test"])
def test_a_pattern_that_is_none_is_refused_before_anything_is_done(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path, pattern: str
) -> None:
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", f"--allow-host={pattern}")
    assert done.returncode == 2 and "allow-host" in done.stderr
    assert scripted.requests == []


def test_without_isolation_it_is_refused(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "local", "--allow-host=allowed.test")
    assert done.returncode == 2 and "isolation" in done.stderr
