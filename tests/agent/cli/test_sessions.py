"""`swe-agent sessions` from outside: what a user and a script see, and the exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from recorded import FIRST, PATCH, SECOND, THIRD, record, result, started
from support import ScriptedModel, call, git, swe_agent

from agent.session.events import SandboxStarted, Warned
from agent.session.journal import Journal


@pytest.fixture(autouse=True)
def without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is asked; what it holds is tested in tests/agent/session/test_removal.py."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The sessions' directory of the home that the program is run with."""
    return tmp_path / "data" / "sessions"


def sessions(tmp_path: Path, *args: str | Path) -> Any:
    return swe_agent("sessions", *args, home=tmp_path)


def break_line(place: Path, number: int) -> int:
    """Damage a line of a session's journal; the byte it begins at."""
    journal = place / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[number - 1] = b"#" + lines[number - 1][1:]
    journal.write_bytes(b"".join(lines))
    return sum(map(len, lines[: number - 1]))


def old(place: Path, days: float) -> None:
    """Have a session's events be as old as that."""
    now, journal = time.time(), place / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    text = journal.read_text()
    for line in lines:
        text = text.replace(f'"t":{line["t"]:.3f},', f'"t":{now - days * 86_400:.3f},', 1)
    journal.write_text(text)


def test_list_tells_each_session_and_the_disk_they_take(tmp_path: Path, root: Path) -> None:
    record(root, FIRST)
    at = break_line(record(root, SECOND), 3)
    cut = record(root, THIRD, started(THIRD, issue_title="\x1b[31mred [bold]title"))
    (cut / "workspace").mkdir()
    (cut / "workspace" / "big").write_bytes(os.urandom(5_000_000))
    done = sessions(tmp_path, "list")
    assert (done.returncode, done.stderr) == (0, "")
    head, third, second, first, total = done.stdout.splitlines()
    assert head.split() == ["session", "began", "status", "steps", "disk", "repository", "issue"]
    assert third.startswith(THIRD)
    assert third.endswith("calc        red [bold]title")
    assert third.split()[3:7] == ["interrupted", "0", "5.0", "MB"]
    assert second.startswith(SECOND)
    assert f"line 3 (byte {at}) is damaged" in second
    assert first.split()[3:5] == ["fixed", "2"]
    assert re.fullmatch(r"3 sessions, 5\.[01] MB on disk", total)


def test_list_as_json(tmp_path: Path, root: Path) -> None:
    place = record(root, FIRST)
    record(root, SECOND, started(SECOND), result(SECOND, "budget"))
    at = break_line(record(root, THIRD), 2)
    with Journal(place / "journal.jsonl"):
        listed = json.loads(sessions(tmp_path, "list", "--json").stdout)
    damaged, budget, running = listed["sessions"]
    assert [each["status"] for each in (damaged, budget, running)] == ["damaged", "budget", "running"]
    assert f"line 2 (byte {at})" in damaged["damage"]
    assert (running["repository"], running["steps"], running["model"]) == ("/srv/code/calc", 2, "qwen")
    assert listed["disk_bytes"] == sum(each["disk_bytes"] for each in listed["sessions"])
    limited = json.loads(sessions(tmp_path, "list", "--json", "--limit", "1").stdout)
    assert [each["id"] for each in limited["sessions"]] == [THIRD]


def test_list_where_there_are_none(tmp_path: Path) -> None:
    done = sessions(tmp_path, "list")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 sessions, 0 kB on disk")
    assert json.loads(sessions(tmp_path, "list", "--json").stdout) == {"sessions": [], "disk_bytes": 0}


def test_show_tells_what_happened_at_its_times(tmp_path: Path, root: Path) -> None:
    place = record(root, FIRST, started(FIRST))
    old(place, 0.5)
    with Journal(place / "journal.jsonl") as journal:
        journal.append(Warned(message="half a day later"))
    done = sessions(tmp_path, "show", "last")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "  0:00 ▶ add gives wrong sums"
    assert done.stdout.splitlines()[-1] == "720:00 ! half a day later"
    lines = [json.loads(line) for line in sessions(tmp_path, "show", FIRST[:10], "--json").stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["session_started", "warned"]


@pytest.mark.parametrize("command", ["show", "diff", "export", "rm"])
def test_an_unknown_id_is_wrong_usage_and_the_nearest_are_named(tmp_path: Path, root: Path, command: str) -> None:
    record(root, FIRST)
    done = sessions(tmp_path, command, "20260131-142501-kkkk")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith(f"there is no session '20260131-142501-kkkk'; the nearest: {FIRST}")


@pytest.mark.parametrize("command", ["show", "diff", "export"])
def test_damage_is_reported_with_line_and_byte(tmp_path: Path, root: Path, command: str) -> None:
    at = break_line(record(root, FIRST), 4)
    done = sessions(tmp_path, command, "last")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"line 4 (byte {at}) is damaged" in done.stderr


def test_diff_in_a_pipe_is_the_patch_and_no_more(tmp_path: Path, root: Path) -> None:
    raw = PATCH.encode().replace(b"a = 2", b"a = '\xe9'  # \x1b[31m")
    place = record(root, FIRST, started(FIRST))
    (place / "workspace.patch").write_bytes(raw)
    program = [sys.executable, "-m", "agent", "sessions", "diff", "last"]
    environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "data")}
    done = subprocess.run(program, env=environment, capture_output=True, check=True)
    assert done.stdout == raw
    assert done.stderr == b"swe-agent: not finished; the workspace at its last snapshot\n"


def test_diff_on_a_terminal_is_coloured_and_harmless(tmp_path: Path, root: Path) -> None:
    record(root, FIRST, started(FIRST), result(FIRST, patch=PATCH.replace("a = 2", "a = 2 \x1b]0;owned\x07")))
    outer, inner = pty.openpty()
    program = [sys.executable, "-m", "agent", "sessions", "diff", "last"]
    environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "data"), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    subprocess.run(program, env=environment, stdout=inner, stderr=subprocess.DEVNULL, check=True)
    os.close(inner)
    shown = os.read(outer, 10_000)
    os.close(outer)
    assert b"\x1b[32m+a = 2" in shown
    assert b"\x1b[31m-a = 1" in shown
    assert b"\x1b]" not in shown and b"\x07" not in shown
    assert rb"\x1b]0;owned\x07" in shown


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path, root: Path) -> None:
    record(root, FIRST, started(FIRST), *(Warned(message="x" * 1000) for _ in range(500)))
    environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "data")}
    for arguments in (["show", "last"], ["show", "last", "--json"], ["export", "last", "--format", "jsonl"]):
        program = subprocess.Popen(
            [sys.executable, "-m", "agent", "sessions", *arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert program.stdout is not None
        program.stdout.read(10)
        program.stdout.close()
        _, said = program.communicate()
        assert said == b""


@pytest.mark.parametrize("form", ["atif", "swe-agent", "jsonl"])
def test_export_to_a_file_and_to_standard_output_is_the_same(tmp_path: Path, root: Path, form: str) -> None:
    record(root, FIRST, started(FIRST, issue_title="Grüße 加"), result(FIRST))
    target = tmp_path / "out.json"
    target.write_text("what was there")
    done = sessions(tmp_path, "export", "last", "--format", form, "--output", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sessions(tmp_path, "export", "last", "--format", form).stdout == target.read_text(encoding="utf-8")
    assert list(tmp_path.glob(".out*")) == []
    for line in target.read_text().splitlines() if form == "jsonl" else [target.read_text()]:
        json.loads(line)


def test_export_is_utf_8_whatever_the_terminal_is(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(root, FIRST, started(FIRST, issue_title="Grüße 加"), result(FIRST))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = sessions(tmp_path, "export", "last")
    assert json.loads(done.stdout)["extra"]["issue"]["title"] == "Grüße 加"


def test_an_export_that_can_not_be_written_leaves_nothing(tmp_path: Path, root: Path) -> None:
    record(root, FIRST)
    done = sessions(tmp_path, "export", "last", "--output", tmp_path / "none" / "x.json")
    assert done.returncode == 2
    assert "can't be written: No such file or directory" in done.stderr
    target = tmp_path / "kept.json"
    target.write_text("kept")
    break_line(root / FIRST, 2)
    assert sessions(tmp_path, "export", "last", "--output", target).returncode == 1
    assert target.read_text() == "kept"
    assert sessions(tmp_path, "export", "last", "--format", "yaml").returncode == 2


def test_rm_removes_what_is_named_and_tells_what_that_freed(tmp_path: Path, root: Path) -> None:
    place = record(root, FIRST)
    record(root, SECOND)
    (place / "workspace").mkdir()
    (place / "workspace" / "big").write_bytes(os.urandom(3_000_000))
    dry = sessions(tmp_path, "rm", FIRST, "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, "")
    assert "1 session, 3.0 MB on disk; nothing is removed: a dry run" in dry.stderr
    assert place.exists()
    done = sessions(tmp_path, "rm", FIRST[-4:], FIRST)
    assert (done.returncode, done.stdout) == (0, f"{FIRST}\n")
    assert "1 removed, 3.0 MB freed" in done.stderr
    assert [each.name for each in root.iterdir()] == [SECOND]


def test_rm_refuses_a_running_session_and_removes_none_of_the_others(tmp_path: Path, root: Path) -> None:
    place, other = record(root, FIRST), record(root, SECOND)
    with Journal(place / "journal.jsonl"):
        done = sessions(tmp_path, "rm", SECOND, FIRST, "--yes")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"running, and not removed: {FIRST}" in done.stderr
        assert other.exists()
        every = sessions(tmp_path, "rm", "--all", "--yes")
        assert (every.returncode, every.stdout) == (0, f"{SECOND}\n")
        assert f"{FIRST} is running and is left out" in every.stderr
    assert (place / "journal.jsonl").exists()


def test_rm_by_age_goes_by_the_last_event(tmp_path: Path, root: Path) -> None:
    old(record(root, FIRST), 31)
    place = record(root, SECOND, started(SECOND))
    old(place, 31)
    with Journal(place / "journal.jsonl") as journal:
        journal.append(Warned(message="touched"))
    done = sessions(tmp_path, "rm", "--older-than", "30d", "-y")
    assert (done.returncode, done.stdout) == (0, f"{FIRST}\n")
    none = sessions(tmp_path, "rm", "--older-than", "30d", "-y")
    assert (none.returncode, none.stdout) == (0, "")
    assert "nothing to remove" in none.stderr


def test_rm_of_many_asks_first(tmp_path: Path, root: Path) -> None:
    record(root, FIRST)
    done = sessions(tmp_path, "rm", "--all")
    assert done.returncode == 2
    assert "give --yes" in done.stderr
    environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "data")}
    program = [sys.executable, "-m", "agent", "sessions", "rm", "--all"]
    for answer, exit_code, there in ((b"n\n", 1, True), (b"\n", 1, True), (b"y\n", 0, False)):
        outer, inner = pty.openpty()
        os.write(outer, answer)
        asked = subprocess.run(program, env=environment, stdin=inner, capture_output=True, check=False)
        os.close(inner)
        os.close(outer)
        assert b"Remove 1 session, " in asked.stderr
        assert (asked.returncode, (root / FIRST).exists()) == (exit_code, there)


@pytest.mark.parametrize("arguments", [[], ["last", "--all"], ["--all", "--older-than", "3d"], ["--older-than", "30"]])
def test_rm_wants_to_know_which(tmp_path: Path, root: Path, arguments: list[str]) -> None:
    place = record(root, FIRST)
    assert sessions(tmp_path, "rm", "-y", *arguments).returncode == 2
    assert place.exists()


def test_rm_goes_on_when_one_can_not_be_removed(tmp_path: Path, root: Path) -> None:
    record(root, FIRST, started(FIRST), SandboxStarted(sandbox="docker"))
    at = break_line(record(root, SECOND), 2)
    done = sessions(tmp_path, "rm", "--all", "--yes")
    assert (done.returncode, done.stdout) == (4, f"{SECOND}\n")
    assert f"line 2 (byte {at}) is damaged" in done.stderr
    assert f"the Docker volume of {FIRST} can't be removed" in done.stderr
    assert sessions(tmp_path, "rm", FIRST, "--force").returncode == 0
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("command", ["list", "show", "diff", "apply", "branch", "patch", "export", "rm"])
def test_help_has_an_example(tmp_path: Path, command: str) -> None:
    done = sessions(tmp_path, command, "--help")
    assert done.returncode == 0
    assert f"Example:  swe-agent sessions {command}" in done.stdout


def test_the_shell_completes_ids(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (FIRST, SECOND, THIRD):
        record(root, name)
    monkeypatch.setenv("_SWE_AGENT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "swe-agent sessions show 20260131")
    monkeypatch.setenv("COMP_CWORD", "3")
    script = "import sys; sys.argv = ['swe-agent']; from agent.__main__ import main; main()"
    environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "data")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [SECOND, FIRST]


def test_a_real_session_is_listed_shown_compared_exported_and_removed(
    scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    fixing = call("edit_file", path="calc.py", old="return a - b", new="return a + b")
    scripted.answers = [fixing, call("submit", summary="s"), call("submit", summary="s")]
    done = swe_agent(
        "fix", "--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "bubblewrap",
        "--strategy", "agent", home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(sessions(tmp_path, "list", "--json").stdout)["sessions"]
    assert (found["status"], found["steps"], found["sandbox"]) == ("fixed", 3, "bubblewrap")
    assert "fixed: 1 file(s)" in sessions(tmp_path, "show", found["id"]).stdout
    patch = sessions(tmp_path, "diff", "last").stdout
    assert patch == done.stdout
    (tmp_path / "p").write_text(patch)
    git(calc, "apply", str(tmp_path / "p"))
    assert "return a + b" in (calc / "calc.py").read_text()
    trajectory = json.loads(sessions(tmp_path, "export", "last").stdout)
    called = [each["function_name"] for step in trajectory["steps"] for each in step.get("tool_calls", [])]
    assert called == ["edit_file", "submit", "submit"]
    assert trajectory["extra"]["patch"] == patch
    assert sessions(tmp_path, "rm", "last").returncode == 0
    assert not Path(found["directory"]).exists()
