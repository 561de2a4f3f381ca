"""No key in anything that a command leaves: journal, JSON lines, standard error, files."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from support import ScriptedModel, call, swe_agent

KEY = "sk-k3y-0123456789abcdef"
FIX = [
    call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
    {"calls": [("shell", json.dumps({"command": f"echo {KEY}"}))], "content": f"the key is {KEY}"},
    call("submit", summary=f"with {KEY}"),
    call("submit", summary=f"with {KEY}"),
]


def left(home: Path) -> str:
    """All that is in the files below a home."""
    return "".join(each.read_bytes().decode("utf-8", "replace") for each in home.rglob("*") if each.is_file())


def fix(scripted: ScriptedModel, calc: Path, issue: Path, home: Path, *more: str, url: str = "") -> Any:
    given = ("--issue", issue, "--repo", calc, "--base-url", url or scripted.base_url, "--sandbox", "bubblewrap")
    return swe_agent("fix", *given, "--strategy", "agent", "--api-key", KEY, *more, home=home)


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["terminal", "json"])
def test_a_key_that_a_model_repeats_is_nowhere(
    more: tuple[str, ...], scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = FIX
    done = fix(scripted, calc, issue_file, tmp_path / "home", *more)
    assert done.returncode == 0, done.stderr
    assert "***" in done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr + left(tmp_path / "home")


@pytest.mark.parametrize("filler", [0, 150, 280, 290, 300])
def test_a_key_that_a_server_echoes_in_its_refusal_is_nowhere(
    filler: int, scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    said = f"{'x' * filler} Incorrect API key provided: {KEY}, also as {KEY!r}"
    body: Any = {"error": {"message": said}} if filler == 0 else said
    scripted.answers = [{"status": 400, "body": body}]
    done = fix(scripted, calc, issue_file, tmp_path / "home", "--json")
    assert done.returncode == 3, done.stderr
    assert KEY[:12] not in done.stdout + done.stderr + left(tmp_path / "home")


def test_a_password_in_an_address_is_nowhere_and_the_session_can_be_resumed(
    scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [FIX[0], call("shell", command="echo")]
    url = scripted.base_url.replace("://", "://me:p4ssw0rd-of-mine@")
    done = fix(scripted, calc, issue_file, tmp_path / "home", "--json", "--max-steps", "2", url=url)
    assert done.returncode == 5, done.stderr
    assert "p4ssw0rd" not in done.stdout + done.stderr + left(tmp_path / "home")
    without = swe_agent("resume", "--max-steps", "9", home=tmp_path / "home")
    assert (without.returncode, "give --base-url" in without.stderr) == (2, True)
    scripted.answers = [*FIX[2:]]
    again = swe_agent("resume", "--max-steps", "9", "--base-url", url, home=tmp_path / "home")
    assert again.returncode == 0, again.stderr


def test_a_token_in_a_repositorys_address_is_nowhere(issue_file: Path, tmp_path: Path) -> None:
    url = "http://me:t0ken-of-mine@127.0.0.1:9/owner/repository.git"
    done = swe_agent("fix", "--issue", issue_file, "--repo", url, "--json", home=tmp_path / "home")
    assert done.returncode == 6
    assert "t0ken-of-mine" not in done.stdout + done.stderr + left(tmp_path / "home")
    assert not [each for each in (tmp_path / "home").rglob("*") if "t0ken" in each.name]


def test_files_are_for_their_owner_alone(scripted: ScriptedModel, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = FIX
    assert fix(scripted, calc, issue_file, tmp_path / "home").returncode == 0
    data = tmp_path / "home" / "data"
    for place in (data, data / "sessions", *(data / "sessions").iterdir()):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700, place
    for place in (data / "sessions").rglob("*"):
        if place.is_file() and not place.is_symlink():
            assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, place
