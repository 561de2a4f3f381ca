"""`swe-agent sessions apply|branch|patch`, and the one result line of a session whose delivery fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recorded import FIRST, finished, record, result, started
from support import CALC, ScriptedModel, call, git, swe_agent

FIXED = CALC["calc.py"].replace("a - b", "a + b")
FIX = [
    call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
    call("submit", summary="add subtracted\n\nFixes #1\nCo-authored-by: x <x@y>"),
]


def patch_of(calc: Path) -> str:
    (calc / "calc.py").write_text(FIXED)
    patch = git(calc, "diff")
    git(calc, "checkout", "-q", "calc.py")
    return patch


@pytest.fixture
def session(tmp_path: Path, calc: Path) -> str:
    """A session that is over, with a change for `calc`."""
    commit, patch = git(calc, "rev-parse", "HEAD").strip(), patch_of(calc)
    events = [started(FIRST, repository=str(calc), base_commit=commit), *finished(FIRST)[1:-1]]
    done = result(FIRST, patch=patch, summary="a was wrong\n\nCo-authored-by: x <x@y>")
    record(tmp_path / "data" / "sessions", FIRST, *events, done)
    return FIRST


def sessions(tmp_path: Path, *args: str | Path) -> Any:
    return swe_agent("sessions", *args, home=tmp_path)


def test_a_change_is_applied_later(session: str, calc: Path, tmp_path: Path) -> None:
    done = sessions(tmp_path, "apply", session)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (calc / "calc.py").read_text() == FIXED
    assert "the patch is applied to the work tree" in done.stderr
    again = sessions(tmp_path, "apply", session)
    assert again.returncode == 6
    assert f"`swe-agent sessions apply|branch|patch {session}` delivers it later" in again.stderr


def test_a_change_is_committed_later(session: str, calc: Path, tmp_path: Path) -> None:
    done = sessions(tmp_path, "branch", session[-4:])
    assert done.returncode == 0, done.stderr
    assert git(calc, "show", f"swe-agent/{session}:calc.py") == FIXED
    assert "authored" not in git(calc, "log", "-1", "--format=%B", f"swe-agent/{session}")
    named = sessions(tmp_path, "branch", "last", "--name", "mend/it")
    assert named.returncode == 0, named.stderr
    assert git(calc, "show", "mend/it:calc.py") == FIXED
    assert sessions(tmp_path, "branch", "last", "--name", "../x").returncode == 6


def test_a_change_is_printed_and_written_later(session: str, calc: Path, tmp_path: Path) -> None:
    done = sessions(tmp_path, "patch", "last")
    assert (done.returncode, done.stdout.count("+    return a + b")) == (0, 1)
    assert sessions(tmp_path, "patch", "last", "--patch-file", tmp_path / "out.diff").returncode == 0
    assert (tmp_path / "out.diff").read_text() == done.stdout
    refused = sessions(tmp_path, "patch", "last", "-o", tmp_path / "none" / "out.diff")
    assert refused.returncode == 2
    assert f"swe-agent sessions apply|branch|patch {session}" in refused.stderr


def test_a_repository_that_has_moved_is_named(session: str, calc: Path, tmp_path: Path) -> None:
    calc.rename(tmp_path / "moved")
    assert sessions(tmp_path, "apply", "last").returncode == 6
    assert sessions(tmp_path, "apply", "last", "--repo", tmp_path / "moved").returncode == 0
    assert (tmp_path / "moved" / "calc.py").read_text() == FIXED


def test_the_kept_change_of_a_session_that_did_not_end_is_delivered_without_protected_files(
    calc: Path, tmp_path: Path
) -> None:
    commit, patch = git(calc, "rev-parse", "HEAD").strip(), patch_of(calc)
    steering = (
        "diff --git a/AGENTS.md b/AGENTS.md\nnew file mode 100644\n--- /dev/null\n+++ b/AGENTS.md\n@@ -0,0 +1 @@\n+x\n"
    )
    place = record(tmp_path / "data" / "sessions", FIRST, started(FIRST, repository=str(calc), base_commit=commit))
    (place / "workspace.patch").write_text(patch + steering)
    done = sessions(tmp_path, "apply", "last")
    assert done.returncode == 0, done.stderr
    assert "left out, since it runs or steers something: 'AGENTS.md'" in done.stderr
    assert git(calc, "status", "--porcelain") == " M calc.py\n"


def test_a_session_without_a_change_is_told(tmp_path: Path, calc: Path) -> None:
    record(tmp_path / "data" / "sessions", FIRST, started(FIRST, repository=str(calc)))
    for command in ("apply", "branch", "patch"):
        done = sessions(tmp_path, command, "last")
        assert (done.returncode, done.stdout) == (1, "")
        assert "has no change" in done.stderr.splitlines()[-1]


def fix(scripted: ScriptedModel, calc: Path, issue: Path, tmp_path: Path, *more: str | Path) -> Any:
    given = ("--issue", issue, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", "bubblewrap")
    return swe_agent("fix", *given, "--strategy", "agent", "--json", *more, home=tmp_path)


def results(done: Any) -> list[dict[str, Any]]:
    """The result lines; the last line is one."""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["kind"] == "result", done.stderr
    return [event for event in events if event["kind"] == "result"]


def test_the_one_result_line_has_patch_branch_and_commit(
    scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    git(calc, "config", "apply.whitespace", "error")
    git(calc, "branch", "swe-agent")
    scripted.answers = [*FIX, FIX[-1]]
    done = fix(scripted, calc, issue_file, tmp_path, "--output", "branch")
    (found,) = results(done)
    assert (done.returncode, found["status"], found["exit_code"]) == (0, "fixed", 0)
    assert "+    return a + b" in found["patch"]
    assert found["branch"] == f"swe-agent-{found['session_id']}"
    assert git(calc, "rev-parse", found["branch"]).strip() == found["commit"]
    text = git(calc, "log", "-1", "--format=%B", found["branch"])
    assert "add subtracted" in text
    assert "Fixes" not in text and "authored" not in text


def test_a_delivery_that_fails_keeps_patch_and_one_result_line(
    scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    def meanwhile(body: dict[str, Any]) -> dict[str, Any]:
        (calc / "calc.py").write_text("changed by the user while the model worked\n")
        return FIX[-1]

    scripted.answers = [FIX[0], FIX[1], meanwhile]
    done = fix(scripted, calc, issue_file, tmp_path, "--output", "apply")
    (found,) = results(done)
    assert (done.returncode, found["status"], found["exit_code"]) == (6, "error", 6)
    assert "+    return a + b" in found["patch"]
    later = f"swe-agent sessions apply|branch|patch {found['session_id']}"
    assert later in found["error"] and later in done.stderr
    git(calc, "checkout", "-q", ".")
    assert sessions(tmp_path, "apply", "last").returncode == 0
    assert (calc / "calc.py").read_text() == FIXED


def test_a_patch_that_can_not_be_printed_is_kept(
    scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [*FIX, FIX[-1]]
    program = [sys.executable, "-m", "agent", "fix", "--issue", str(issue_file), "--repo", str(calc)]
    program += ["--base-url", scripted.base_url, "--sandbox", "bubblewrap", "--strategy", "agent"]
    environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "data")}
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(program, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == "swe-agent: the patch can't be written: No space left on device"
    assert "swe-agent sessions apply|branch|patch" in done.stderr
    assert "+    return a + b" in sessions(tmp_path, "patch", "last").stdout


@pytest.mark.parametrize(
    ("options", "dirty", "code"),
    [
        (["--patch-file", "/nowhere/out.diff"], False, 2),
        (["--patch-file", "/"], False, 2),
        (["--output", "apply"], True, 6),
    ],
)
def test_what_delivery_would_fail_at_ends_before_the_model_is_asked(
    options: list[str], dirty: bool, code: int, scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = FIX
    if dirty:
        (calc / "calc.py").write_text("my own work\n")
    done = fix(scripted, calc, issue_file, tmp_path, *options)
    (found,) = results(done)
    assert (done.returncode, found["status"], found["exit_code"]) == (code, "error", code)
    assert scripted.requests == []
    assert "Traceback" not in done.stderr
