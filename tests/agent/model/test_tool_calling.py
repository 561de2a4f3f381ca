"""How calls are asked for: the mode moves on evidence only, and is remembered as a convenience."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent.catalogue.modes import ToolCallMode
from agent.model.http import open_http
from agent.model.servers.base import Address, Capabilities, Server
from agent.model.tool_calling import (
    REPLIES_BEFORE_NEXT_MODE,
    TOOL_CALL_MODES,
    ToolCallModeMemory,
    ToolCallPolicy,
    memory_file,
    possible_modes,
)

ALL = Capabilities(tools=True, constrain="json_schema", continues=True)
LEAST = Capabilities(tools=False, constrain="", continues=False)


def server(model: str = "coder", version: str = "1") -> Server:
    base = "http://127.0.0.1:9/v1"
    http = open_http(base)
    anyio.run(http.aclose)
    return Server(Address(base, http), model, version=version)


# ---------------------------------------------------------------- which modes there are


@pytest.mark.parametrize(
    ("can", "modes"),
    [
        (ALL, ["native", "text", "begun", "constrained"]),
        (Capabilities(), ["native", "text", "constrained"]),  # not told: tried
        (Capabilities(tools=False, continues=True), ["text", "begun", "constrained"]),
        (Capabilities(constrain="", continues=True), ["native", "text", "begun"]),
        (Capabilities(tools=False, constrain="format"), ["text", "constrained"]),
        (LEAST, ["text"]),
    ],
)
def test_a_server_has_the_rungs_it_says_it_can(can: Capabilities, modes: list[ToolCallMode]) -> None:
    assert possible_modes(can) == modes


@pytest.mark.parametrize(
    ("can", "wanted", "mode"),
    [
        (ALL, "native", "native"),
        (ALL, "constrained", "constrained"),
        (Capabilities(tools=False), "native", "text"),
        (Capabilities(), "begun", "constrained"),  # the next that there is
        (LEAST, "constrained", "text"),  # nothing later: the last
    ],
)
def test_it_starts_on_the_wanted_rung_or_the_next(can: Capabilities, wanted: ToolCallMode, mode: ToolCallMode) -> None:
    policy = ToolCallPolicy.starting(can, wanted)
    assert policy.mode == mode
    assert policy.modes == possible_modes(can)


# ---------------------------------------------------------------- moves


def test_silence_moves_it_to_the_next_rung_one_by_one() -> None:
    policy = ToolCallPolicy.starting(ALL, "native")
    stood = [policy.mode]
    for _ in range(3):
        assert [policy.record_no_call() for _ in range(REPLIES_BEFORE_NEXT_MODE)] == [False] * (
            REPLIES_BEFORE_NEXT_MODE - 1
        ) + [True]
        assert (policy.replies_without_call, policy.has_called) == (0, False)
        stood.append(policy.mode)
    assert stood == list(TOOL_CALL_MODES)


def test_on_the_last_rung_silence_is_counted_and_nothing_moves() -> None:
    policy = ToolCallPolicy.starting(ALL, "constrained")
    assert [policy.record_no_call() for _ in range(7)] == [False] * 7
    assert (policy.mode, policy.replies_without_call) == ("constrained", 7)


def test_a_call_starts_the_count_of_silence_again() -> None:
    policy = ToolCallPolicy.starting(ALL, "native")
    for _ in range(5):
        assert not policy.record_no_call()
        policy.called()
    assert (policy.mode, policy.replies_without_call) == ("native", 0)


def test_a_rung_on_which_calls_came_is_not_left_for_silence() -> None:
    policy = ToolCallPolicy.starting(ALL, "text")
    policy.called()
    assert [policy.record_no_call() for _ in range(5)] == [False] * 5
    assert (policy.mode, policy.replies_without_call) == ("text", 5)


def test_what_is_refused_is_gone_and_the_next_stands_in_its_place() -> None:
    policy = ToolCallPolicy.starting(ALL, "native")
    policy.record_no_call()
    assert policy.refused()
    assert (policy.mode, policy.modes, policy.replies_without_call) == ("text", ["text", "begun", "constrained"], 0)
    for _ in range(REPLIES_BEFORE_NEXT_MODE):
        policy.record_no_call()
    assert policy.refused()
    assert (policy.mode, policy.modes) == ("constrained", ["text", "constrained"])
    assert policy.refused()  # nothing later is left: back to what the server took
    assert (policy.mode, policy.modes) == ("text", ["text"])
    assert not policy.refused()
    assert (policy.mode, policy.modes) == ("text", ["text"])


# ---------------------------------------------------------------- memory


@pytest.fixture
def memory(tmp_path: Path) -> ToolCallModeMemory:
    return ToolCallModeMemory(tmp_path / "data" / "models.json")


def test_it_lies_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    assert memory_file() == ToolCallModeMemory().path == tmp_path / "home" / "models.json"


def test_a_rung_is_remembered_for_its_model_and_server(memory: ToolCallModeMemory) -> None:
    assert memory.recall(server()) is None
    memory.remember(server(), "begun", "because")
    memory.remember(server("other"), "constrained", "because")
    again = ToolCallModeMemory(memory.path)
    assert again.recall(server()) == "begun"
    assert again.recall(server("other")) == "constrained"
    assert again.recall(server("third")) is None
    assert again.recall(server(version="2")) is None  # a newer server may do better
    memory.remember(server(), "native", "it does now")
    assert again.recall(server()) == "native" and again.recall(server("other")) == "constrained"
    assert [place.name for place in memory.path.parent.iterdir()] == ["models.json"]


def test_the_same_again_is_not_written_again(memory: ToolCallModeMemory) -> None:
    memory.remember(server(), "text", "because")
    before = memory.path.stat()
    memory.remember(server(), "text", "because")
    assert (memory.path.stat().st_ino, memory.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


TORN = json.dumps({"generic 1 · coder": {"rung": "text", "why": "because"}})[:-9]


@pytest.mark.parametrize(
    "content",
    [
        b"", TORN.encode(), b"\xff\xfe\x00", b"[1, 2]", b"null", b'"text"', b"7", b"[" * 200_000,
        b'{"generic 1 \\u00b7 coder": "text"}', b'{"generic 1 \\u00b7 coder": null}',
        b'{"generic 1 \\u00b7 coder": {"rung": "stairs"}}', b'{"generic 1 \\u00b7 coder": {"rung": ["text"]}}',
        b'{"generic 1 \\u00b7 coder": {"rung": {"a": 1}}}', b'{"generic 1 \\u00b7 coder": {}}',
    ],
    ids=["empty", "torn", "no text", "list", "null", "string", "number", "nested without end", "plain entry",
         "null entry", "unknown mode", "list for a mode", "object for a mode", "no mode"],
)  # fmt: skip
def test_a_file_that_is_torn_or_not_ours_is_as_good_as_none(memory: ToolCallModeMemory, content: bytes) -> None:
    memory.path.parent.mkdir()
    memory.path.write_bytes(content)
    assert memory.recall(server()) is None
    memory.remember(server(), "begun", "because")
    assert memory.recall(server()) == "begun"


def test_what_else_stands_in_the_file_stays(memory: ToolCallModeMemory) -> None:
    memory.path.parent.mkdir()
    memory.path.write_text(json.dumps({"vLLM 9 · m": {"rung": "native", "why": "w", "more": [1]}, "é": 3}))
    memory.remember(server(), "text", "because")
    found: dict[str, Any] = json.loads(memory.path.read_text())
    assert found.pop("generic 1 · coder") == {"rung": "text", "why": "because"}
    assert found == {"vLLM 9 · m": {"rung": "native", "why": "w", "more": [1]}, "é": 3}


def test_what_can_not_be_written_is_forgotten_without_a_word(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    for place in (in_the_way / "models.json", tmp_path):  # below a file; a directory of that name
        memory = ToolCallModeMemory(place)
        memory.remember(server(), "text", "because")
        assert memory.recall(server()) is None
    assert in_the_way.read_text() == "x"
