"""`swe-agent models connect` as a user runs it."""

from __future__ import annotations

import json
import socket
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from support import ScriptedModel, swe_agent

from agent.integrations.connect import Tool


def test_the_window_is_the_servers(scripted: ScriptedModel, tmp_path: Path) -> None:
    scripted.window, scripted.model = 12_345, "qwen3-coder-next"
    ran = swe_agent("models", "connect", "codex", "--base-url", scripted.base_url, home=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    config = tomllib.loads(ran.stdout.rpartition("\n# then run")[0])
    assert (config["model"], config["model_context_window"]) == ("qwen3-coder-next", 12_345)
    assert config["model_providers"]["local"]["base_url"] == scripted.base_url


def test_without_a_server_it_says_so_and_takes_the_catalogues_figures(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    ran = swe_agent(
        "models", "connect", "zed", "--base-url", url, "--model", "qwen3-coder-next", "--api-key", "open-sesame",
        home=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0
    note, settings = ran.stdout.split("\n# Zed", 1)
    assert note.startswith(f"# no server answers at {url}") and "not measured" in note
    body = json.loads(settings[settings.index("{") : settings.index("\n# then run")])
    (entry,) = body["language_models"]["openai_compatible"]["local"]["available_models"]
    assert (entry["name"], entry["max_tokens"]) == ("qwen3-coder-next", 262_144)
    assert "open-sesame" not in ran.stdout + ran.stderr and "YOUR-KEY" in ran.stdout


def test_a_name_that_would_break_out_of_a_command_is_refused(scripted: ScriptedModel, tmp_path: Path) -> None:
    scripted.model = "model\nEND\ntouch hurt"
    ran = swe_agent("models", "connect", "qwen-code", "--base-url", scripted.base_url, home=tmp_path)
    assert ran.returncode == 2 and ran.stdout == ""
    assert "--model" in ran.stderr and "can't be written" in ran.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("emacs",)])
def test_help_and_errors_name_the_tools(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ran = swe_agent("models", "connect", *arguments, home=tmp_path)
    said = ran.stdout + ran.stderr
    assert all(tool in said for tool in get_args(Tool))
    assert (ran.returncode == 0) == (arguments == ("--help",))
