"""This machine's checks: git, disk, the bundled runtime, memory."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from agent.catalogue.hardware import this_machine
from agent.config import Settings
from agent.doctor import machine
from agent.doctor.report import Check


def runtime(**settings: str) -> Check:
    return anyio.run(machine.check_runtime, Settings.model_validate(settings))


def test_git_is_run() -> None:
    line = anyio.run(machine.check_git)
    assert line.state == "ok"
    assert line.figures["version"][0].isdigit()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (None, "not installed"),
        ("#!/bin/sh\necho 'no licence' >&2\nexit 69\n", "no licence"),
        ("#!/nowhere/sh\n", "does not run"),
    ],
)
def test_a_git_that_is_missing_or_broken_fails(
    script: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        (tmp_path / "git").write_text(script)
        (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    line = anyio.run(machine.check_git)
    assert (line.state, line.exit_code) == ("fail", 1)
    assert told in line.value
    assert "git" in line.remedy


def test_room_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "not" / "there" / "yet"))
    monkeypatch.setattr(machine, "LOW_DISK_BYTES", 1)
    monkeypatch.setattr(machine, "MIN_DISK_BYTES", 0)
    line = anyio.run(machine.check_disk)
    assert (line.state, line.remedy) == ("ok", "")
    assert line.figures["sessions"]["free_bytes"] > 0
    monkeypatch.setattr(machine, "LOW_DISK_BYTES", 1 << 62)
    line = anyio.run(machine.check_disk)
    assert line.state == "warn"
    assert "free some space" in line.remedy
    monkeypatch.setattr(machine, "MIN_DISK_BYTES", 1 << 62)
    assert anyio.run(machine.check_disk).state == "fail"


def test_the_nearest_directory_that_is_there(tmp_path: Path) -> None:
    assert machine.nearest_existing(tmp_path) == tmp_path
    assert machine.nearest_existing(tmp_path / "a" / "b") == tmp_path
    (tmp_path / "file").write_text("")
    assert machine.nearest_existing(tmp_path / "file" / "b") == tmp_path


def test_a_model_that_is_not_there_is_needed_without_a_base_url_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    line = runtime()
    assert (line.state, line.exit_code, line.remedy) == ("fail", 3, "swe-agent models pull qwen2.5-coder-1.5b")
    line = runtime(base_url="http://127.0.0.1:9/v1", model="some-model")
    assert (line.state, line.remedy) == ("warn", "swe-agent models pull qwen2.5-coder-1.5b")
    assert "not needed" in line.value
    line = runtime(model="qwen3-coder-480b")
    assert line.remedy.startswith("hf download ")
    assert list(tmp_path.iterdir()) == []


def test_the_runtime_that_is_there_is_named() -> None:
    line = runtime(model="qwen2.5-coder-0.5b")
    assert line.figures["runtime"] in {"xllamacpp", "llama-server"}


def test_memory_is_this_machines() -> None:
    line = anyio.run(machine.check_memory)
    assert line.figures["ram_bytes"] == this_machine().ram_bytes
    assert "GiB" in line.value
