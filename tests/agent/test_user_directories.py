"""Where the user's files lie: public interface, the same on every system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.user_directories import home, models_directory, user_file

PLACES = [
    (home, "XDG_DATA_HOME", ".local/share", "swe-agent"),
    (user_file, "XDG_CONFIG_HOME", ".config", "swe-agent/config.toml"),
    (models_directory, "XDG_CACHE_HOME", ".cache", "swe-agent/models"),
]


@pytest.fixture(autouse=True)
def no_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SWE_AGENT_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(("look_up", "variable", "usual", "below"), PLACES)
@pytest.mark.parametrize("given", [None, "", "not/absolute"])
def test_without_an_absolute_path_in_the_variable_the_usual_directory_is_taken(
    look_up: Callable[[], Path],
    variable: str,
    usual: str,
    below: str,
    given: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv(variable, raising=False)
    if given is not None:
        monkeypatch.setenv(variable, given)
    assert look_up() == tmp_path / "home" / usual / below


@pytest.mark.parametrize(("look_up", "variable", "usual", "below"), PLACES)
def test_xdgs_variable_moves_it(
    look_up: Callable[[], Path],
    variable: str,
    usual: str,
    below: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "xdg"))
    assert look_up() == tmp_path / "xdg" / below
    assert not (tmp_path / "xdg").exists()


@pytest.mark.parametrize(
    ("given", "path"), [("/sessions", "/sessions"), ("~/mine", "HOME/mine"), ("relative", "HERE/relative")]
)
def test_our_own_variable_comes_first(given: str, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("SWE_AGENT_HOME", given)
    assert str(home()) == path.replace("HOME", str(tmp_path / "home")).replace("HERE", str(tmp_path))
