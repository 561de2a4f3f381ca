"""The line on the configuration, and each value with its origin."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git, make_repository

from agent.config import load_settings
from agent.doctor.configuration import MASK, check_configuration, project_text, values


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file, not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("SWE_AGENT_MODEL", "SWE_AGENT_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "swe-agent" / "config.toml"
    place.parent.mkdir()
    return place


def test_where_nothing_is_set_the_place_for_it_is_told(config: Path) -> None:
    settings, line = check_configuration({"model": None}, "")
    assert settings is not None
    assert line.state == "ok"
    assert str(config) in line.value
    assert "all defaults" in line.value


def test_what_is_set_is_told_with_its_origin(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('sandbox = "docker"\n')
    monkeypatch.setenv("SWE_AGENT_MODEL", "coder")
    _, line = check_configuration({"context": 8192}, "max_steps = 7\n")
    for told in ("context (flag)", "model (environment)", "max_steps (project file)", "sandbox (user file)"):
        assert told in line.value


def test_what_a_repository_may_not_set_is_a_warning() -> None:
    settings, line = check_configuration({}, 'base_url = "http://127.0.0.1:9/v1"\n')
    assert settings is not None
    assert settings.base_url is None
    assert line.state == "warn"
    assert "base_url" in line.value


@pytest.mark.parametrize("text", ["context = 5\n", "context = [\n", "colour = 1\n"])
def test_a_file_that_can_not_be_right_fails(config: Path, text: str) -> None:
    config.write_text(text)
    settings, line = check_configuration({}, "")
    assert settings is None
    assert (line.state, line.exit_code) == ("fail", 2)
    assert line.remedy


def test_the_key_is_masked() -> None:
    settings, origins, _ = load_settings({"api_key": "sesame-open"})
    found = values(settings, origins)
    assert found["api_key"] == {"value": MASK, "origin": "flag"}
    assert found["model"] == {"value": None, "origin": "default"}
    assert "sesame" not in str(found)


def test_the_project_file_is_the_committed_one(tmp_path: Path) -> None:
    assert project_text(tmp_path) == ""
    place = make_repository(tmp_path / "project", {".swe-agent.toml": "max_steps = 3\n", "src/a.py": ""})
    (place / ".swe-agent.toml").write_text("max_steps = 4\n")
    assert project_text(place / "src") == "max_steps = 3\n"
    git(place, "rm", "-q", "-f", ".swe-agent.toml")
    git(place, "commit", "-q", "-m", "gone")
    assert project_text(place) == ""
