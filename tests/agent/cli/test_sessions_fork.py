"""`swe-agent sessions fork` from outside: the beginning of a session goes on as another one."""

from __future__ import annotations

import json
from pathlib import Path

from support import ScriptedModel, call, swe_agent


def test_a_fork_is_a_session_of_its_own_that_can_be_resumed(
    scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [
        call("write_file", path="wrong.txt", content="x\n"),
        call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
        call("submit", summary="s"),
        call("submit", summary="s"),
    ]
    common = ("--base-url", scripted.base_url)
    done = swe_agent(
        "fix",
        "--issue",
        issue_file,
        "--repo",
        calc,
        "--sandbox",
        "local",
        "--strategy",
        "agent",
        *common,
        home=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (first,) = json.loads(swe_agent("sessions", "list", "--json", home=tmp_path).stdout)["sessions"]
    made = swe_agent("sessions", "fork", "last", "--at", "0", home=tmp_path)
    assert made.returncode == 0, made.stderr
    name = made.stdout.strip()
    assert f"`swe-agent resume {name}` goes on with it" in made.stderr
    listed = json.loads(swe_agent("sessions", "list", "--json", home=tmp_path).stdout)["sessions"]
    assert [(each["id"], each["status"], each["steps"]) for each in listed] == [
        (name, "interrupted", 0), (first["id"], "fixed", 4),
    ]  # fmt: skip
    scripted.answers += scripted.answers[1:]
    resumed = swe_agent("resume", name, *common, home=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "wrong.txt" in swe_agent("sessions", "diff", first["id"], home=tmp_path).stdout
    patch = swe_agent("sessions", "diff", "last", home=tmp_path).stdout
    assert "return a + b" in patch
    assert "wrong.txt" not in patch
    for change in (tmp_path / "data" / "sessions" / first["id"] / "changes").iterdir():
        change.unlink()
    refused = swe_agent("sessions", "fork", first["id"], "--at", "1", home=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "the change of step 1 was not stored" in refused.stderr
    assert swe_agent("sessions", "fork", first["id"], "--at", "0", home=tmp_path).returncode == 0


def test_a_step_that_there_is_not_is_wrong_usage(tmp_path: Path, scripted: ScriptedModel, calc: Path) -> None:
    (tmp_path / "issue.md").write_text("# It is wrong\n")
    scripted.answers = [call("submit", summary="nothing to do")]
    swe_agent(
        "fix", "--issue", tmp_path / "issue.md", "--repo", calc, "--sandbox", "local", "--strategy", "agent",
        "--base-url", scripted.base_url, home=tmp_path,
    )  # fmt: skip
    done = swe_agent("sessions", "fork", "last", "--at", "99", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the session has no step 99" in done.stderr
    assert swe_agent("sessions", "fork", "nope", "--at", "1", home=tmp_path).returncode == 2
    assert len(json.loads(swe_agent("sessions", "list", "--json", home=tmp_path).stdout)["sessions"]) == 1


def test_help_has_an_example(tmp_path: Path) -> None:
    assert "Example:  swe-agent sessions fork" in swe_agent("sessions", "fork", "--help", home=tmp_path).stdout
