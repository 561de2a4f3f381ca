"""One text for each setting: in the settings' model, on the command line, and naming the default that there is."""

from __future__ import annotations

import re

import pytest
import typer

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
    elif default is not None:
        assert found[1] == str(default).lower()


@pytest.mark.parametrize("command", ["fix", "resume", "demo", "doctor", "bench run"])
def test_the_options_of_a_command_have_the_settings_texts(command: str) -> None:
    found = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]  # type: ignore[attr-defined]
    options = {option.name: option.help for option in found.params if option.name in TEXTS}  # type: ignore[attr-defined]
    assert options
    assert options == {name: TEXTS[name] for name in options}


def test_fix_has_an_option_for_nearly_every_setting() -> None:
    options = {option.name for option in typer.main.get_command(app).commands["fix"].params}  # type: ignore[attr-defined]
    assert TEXTS.keys() - options == {"test_timeout", "keep_workspace", "allow_workflows"}
