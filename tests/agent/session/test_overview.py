"""What a session came to, told from its journal, its lock and its directory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from recorded import FIRST, backend, finished, record, reply, result, started

from agent.session.events import SandboxStarted, Warned
from agent.session.journal import Journal
from agent.session.overview import disk_bytes, is_running, read_overview


def test_a_finished_session(tmp_path: Path) -> None:
    summary = read_overview(record(tmp_path, FIRST))
    assert (summary.id, summary.status, summary.steps) == (FIRST, "fixed", 2)
    assert (summary.repository, summary.issue_title) == ("/srv/code/calc", "add gives wrong sums")
    assert (summary.model, summary.sandbox, summary.damage) == ("qwen", "bubblewrap", "")
    assert 0 < summary.began <= summary.last
    told = summary.as_json()
    assert told["began"].endswith("Z")
    assert told["damage"] is None


@pytest.mark.parametrize("status", ["unverified", "no_patch", "budget", "interrupted", "error"])
def test_the_results_status_counts(tmp_path: Path, status: str) -> None:
    assert read_overview(record(tmp_path, FIRST, started(FIRST), result(FIRST, status))).status == status


def test_without_a_result_it_was_cut_off(tmp_path: Path) -> None:
    summary = read_overview(record(tmp_path, FIRST, *finished(FIRST)[:-1]))
    assert (summary.status, summary.steps) == ("interrupted", 2)


def test_a_result_that_more_followed_is_not_the_last_word(tmp_path: Path) -> None:
    events = [started(FIRST), result(FIRST, "budget"), Warned(message="it goes on"), reply("…")]
    assert read_overview(record(tmp_path, FIRST, *events)).status == "interrupted"


def test_while_its_journal_is_held_it_runs_also_after_an_earlier_result(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST, started(FIRST), result(FIRST, "budget"))
    assert not is_running(place)
    with Journal(place / "journal.jsonl") as journal:
        assert is_running(place)
        assert read_overview(place).status == "running"
        journal.append(backend())  # being looked at takes nothing from who works on it
    assert read_overview(place).status == "interrupted"


def test_without_an_event_it_is_empty(tmp_path: Path) -> None:
    place = tmp_path / FIRST
    place.mkdir()
    assert read_overview(place).status == "empty"
    (place / "journal.jsonl").write_bytes(b'{"v":1,"n":0,"t')
    assert read_overview(place).status == "empty"


def test_a_body_without_a_title_gives_its_first_line(tmp_path: Path) -> None:
    first = started(FIRST, issue_title="", issue_body="\nIt breaks.\nAlways.")
    assert read_overview(record(tmp_path, FIRST, first)).issue_title == "It breaks."


def test_damage_is_told_with_line_and_byte(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST)
    journal = place / "journal.jsonl"
    data = journal.read_bytes()
    second = data.index(b"\n") + 1
    journal.write_bytes(data[: second + 5] + b"\xff" + data[second + 6 :])
    summary = read_overview(place)
    assert summary.status == "damaged"
    assert summary.damage.startswith(f"line 2 (byte {second}) is damaged")


def test_a_journal_of_a_later_version_is_unreadable_not_damaged(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST)
    journal = place / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'{"v":1,', b'{"v":9,'))
    summary = read_overview(place)
    assert (summary.status, "version 9" in summary.damage) == ("unreadable", True)


def test_a_volume_may_be_left_by_what_did_not_finish_in_docker(tmp_path: Path) -> None:
    docker = SandboxStarted(sandbox="docker")
    assert read_overview(record(tmp_path, "killed-1", started("killed-1"), docker)).may_have_volume
    assert read_overview(record(tmp_path, "killed-2", started("killed-2"))).may_have_volume  # before it was known where
    assert not read_overview(record(tmp_path, "finished-1", *finished("finished-1"))).may_have_volume
    bubblewrap = SandboxStarted(sandbox="bubblewrap")
    assert not read_overview(record(tmp_path, "killed-3", started("killed-3"), bubblewrap)).may_have_volume


def test_disk_use_is_that_of_du(tmp_path: Path) -> None:
    place = tmp_path / "session"
    (place / "workspace" / "deep").mkdir(parents=True)
    (place / "workspace" / "a").write_bytes(b"x" * 100_000)
    os.link(place / "workspace" / "a", place / "workspace" / "deep" / "same")
    (place / "workspace" / "out").symlink_to("/usr")
    with (place / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    du = subprocess.run(["du", "-s", "-B1", str(place)], capture_output=True, text=True, check=True)
    assert disk_bytes(place) == int(du.stdout.split()[0])
    assert disk_bytes(place) < 1 << 20


def test_what_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert disk_bytes(tmp_path / "none") == 0
