"""One text for each setting: in the settings' model, on the command line, and naming the default that there is."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from agent import setting_descriptions
from agent.cli import app
from agent.config import Settings, parse_duration

TEXTS = {name.lower(): text for name, text in vars(setting_descriptions).items() if name.isupper()}
DEFAULT = re.compile(r"\. \[default: ([^]]+)\]$")


def test_each_setting_has_its_text() -> None:
    assert {name: field.description for name, field in Settings.model_fields.items()} == TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_ends_with_the_default(name: str) -> None:
    found = DEFAULT.search(TEXTS[name])
    assert found
    default = Settings.model_fields[name].default
    if name == "test_timeout":
        assert parse_duration(found[1]) == default
    elif default not in (None, ()):
        assert found[1] == str(default).lower()


@pytest.mark.parametrize("command", ["fix", "resume", "demo", "doctor", "bench run"])
def test_the_options_of_a_command_have_the_settings_texts(command: str) -> None:
    found = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]  # type: ignore[attr-defined]
    options = {option.name: option.help for option in found.params if option.name in TEXTS}  # type: ignore[attr-defined]
    assert options
    assert options == {name: TEXTS[name] for name in options}


def test_every_setting_is_an_option_of_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def run_fix(issue: str, repo: str | None, base: str, flags: dict[str, object], *, json_lines: bool) -> int:
        given.update(flags)
        return 0

    monkeypatch.setattr("agent.ui.fix.run_fix", run_fix)
    done = CliRunner().invoke(app, ["fix", "--issue", "-", "--test-timeout", "5m", "--no-keep-workspace"])
    assert done.exit_code == 0
    assert given.keys() == TEXTS.keys()
    assert {name: value for name, value in given.items() if value is not None} == {
        "test_timeout": "5m",
        "keep_workspace": False,
    }
