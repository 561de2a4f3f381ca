"""Tool calling measured: which replies count, which mode is remembered, what is said where none works."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import GenericDouble, LlamaCppDouble, VllmDouble
from doubles.base import Double
from doubles.faults import Cut, Silent, Status

from agent.backend import open_backend
from agent.catalogue.modes import ToolCallMode
from agent.config import Settings
from agent.doctor import probe_client
from agent.doctor.probe_client import ProbeClient
from agent.doctor.report import Report
from agent.doctor.tool_calling import NAMES, REPLY_TOKENS, check_tool_calling, evaluate
from agent.model.tool_calling import TOOL_CALL_MODES
from agent.model.types import Reply, ToolCall, Usage

GOOD = '{"name": "read_file", "arguments": {"path": "src/parser.py"}}'
FENCED = f"```json\n{GOOD}\n```"
HERMES = f"<tool_call>\n{GOOD}\n</tool_call>"
PROSE = "First I would look at the file."
NATIVE = {"calls": [("read_file", '{"path": "src/parser.py"}')]}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def mode_of(body: dict[str, Any]) -> ToolCallMode:
    """How a request asks for its call."""
    if body.get("tools"):
        return "native"
    if body.get("response_format") or body.get("structured_outputs"):
        return "constrained"
    return "begun" if body["messages"][-1]["role"] == "assistant" else "text"


def only(*working: ToolCallMode, bad: Any = PROSE) -> Callable[[dict[str, Any]], Any]:
    """A model that calls on some modes only."""
    good: dict[ToolCallMode, Any] = {
        "native": NATIVE,
        "text": HERMES,
        "begun": GOOD.partition('{"name": "')[2],
        "constrained": GOOD,
    }

    def answer(body: dict[str, Any]) -> Any:
        return good[mode_of(body)] if mode_of(body) in working else bad

    return answer


def measured(double: Double, *, guided: bool = False, model: str | None = None) -> tuple[Report, ToolCallMode | None]:
    """The report on a double's calling, and the mode remembered."""
    report = Report()
    settings = Settings.model_validate({"base_url": double.base_url, "model": model})

    async def run() -> ToolCallMode | None:
        async with open_backend(settings, log_path=Path("/nowhere")) as backend:
            said: list[str] = []
            await check_tool_calling(
                report, backend, ProbeClient(backend.server), guided=guided, on_progress=said.append
            )
            assert len(said) == len(TOOL_CALL_MODES)
            return backend.memory.recall(backend.server)

    return report, anyio.run(run)


def states(report: Report) -> dict[str, str]:
    return {check.name: check.state for check in report.checks}


def test_every_rung_is_tried_by_one_request_within_bounds() -> None:
    with LlamaCppDouble(only(*TOOL_CALL_MODES)) as double:
        report, remembered = measured(double)
        assert [mode_of(body) for body in double.requests] == list(TOOL_CALL_MODES)
        assert {body["max_tokens"] for body in double.requests} == {REPLY_TOKENS}
        assert {body["seed"] for body in double.requests} == {1}
    assert states(report) == {**dict.fromkeys(NAMES.values(), "ok"), "tool calling": "ok"}
    assert remembered == "native"
    assert report.parts["rungs"]["used"] == "native"
    assert report.parts["rungs"]["why"] == "remembered"
    assert report.parts["rungs"]["begun"]["works"] is True


def test_the_first_that_works_is_remembered_where_the_profiles_own_does_not() -> None:
    with LlamaCppDouble(only("begun", "constrained")) as double:
        report, remembered = measured(double)
    assert remembered == "begun"
    assert states(report)[NAMES["native"]] == "warn"
    assert states(report)["tool calling"] == "ok"
    assert PROSE in next(check.value for check in report.checks if check.name == NAMES["native"])


def test_the_profiles_own_is_remembered_where_others_work_too() -> None:
    with LlamaCppDouble(only(*TOOL_CALL_MODES), model="qwen2.5-coder-1.5b") as double:
        report, remembered = measured(double)
    assert remembered == "constrained"
    assert report.parts["rungs"]["used"] == "constrained"


def test_where_none_works_an_agent_fails_and_a_guided_session_does_not() -> None:
    with LlamaCppDouble(only()) as double:
        report, remembered = measured(double)
        guided, _ = measured(double, guided=True)
    assert remembered is None
    assert (states(report)["tool calling"], report.exit_code) == ("fail", 3)
    assert "models list" in report.failed[0].remedy
    assert (states(guided)["tool calling"], guided.exit_code) == ("warn", 0)


def test_a_model_that_still_thinks_is_not_judged() -> None:
    thinking = {"reasoning": "Let me think. The user wants", "finish": "length"}
    with LlamaCppDouble(only("text", bad=thinking)) as double:
        report, remembered = measured(double)
    assert remembered is None  # nothing against the profile's own mode was seen
    assert report.parts["rungs"]["native"]["works"] is None
    assert states(report)["tool calling"] == "warn"
    assert report.exit_code == 0


def test_a_request_that_fails_is_told_and_the_others_go_on() -> None:
    with LlamaCppDouble(only("constrained", bad=Status(500, "CUDA error: \x1b[1mout of memory"))) as double:
        report, remembered = measured(double)
        assert len(double.requests) == len(TOOL_CALL_MODES)
    assert remembered == "constrained"
    told = next(check.value for check in report.checks if check.name == NAMES["text"])
    assert "CUDA error: out of memory" in told


def test_what_a_server_lacks_is_not_asked_for() -> None:
    with GenericDouble(only("native", "text", "constrained")) as double:
        report, _ = measured(double)
        assert "begun" not in [mode_of(body) for body in double.requests]
    assert "can't continue" in report.parts["rungs"]["begun"]["told"]


def test_a_server_that_leaves_calls_in_the_text_is_told_how_to_start_it() -> None:
    with VllmDouble(only("text"), model="qwen3-coder-30b") as double:
        report, remembered = measured(double)
    line = next(check for check in report.checks if check.name == NAMES["native"])
    assert line.remedy == "start vLLM with --enable-auto-tool-choice --tool-call-parser qwen3_coder"
    assert remembered == "text"


def test_a_template_without_tools_is_told() -> None:
    with LlamaCppDouble(only(*TOOL_CALL_MODES)) as double:
        double.tools_supported = False
        report, remembered = measured(double)
    line = next(check for check in report.checks if check.name == NAMES["native"])
    assert "--jinja" in line.remedy
    assert remembered == "text"


def test_a_silent_server_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_client, "REQUEST_SECONDS", 2.0)
    silent = Silent("", pieces=0)
    try:
        with LlamaCppDouble(silent) as double:
            report, _ = measured(double)
            assert len(double.requests) == 1
    finally:
        silent.release.set()
    assert report.exit_code == 3
    assert all("no answer within" in report.parts["rungs"][mode]["told"] for mode in TOOL_CALL_MODES)


def test_a_lost_connection_is_made_again_once() -> None:
    with LlamaCppDouble(Cut("", pieces=0, how="reset"), only(*TOOL_CALL_MODES)) as double:
        report, _ = measured(double)
        assert len(double.requests) == len(TOOL_CALL_MODES) + 1
    assert states(report)[NAMES["native"]] == "ok"


def call(name: str = "read_file", **arguments: Any) -> ToolCall:
    return ToolCall(id="abcdefghi", name=name, arguments=json.dumps(arguments))


@pytest.mark.parametrize(
    ("reply", "works", "told"),
    [
        (Reply("", calls=(call(path="a.py"),)), True, "read_file was called"),
        (Reply("", calls=(call(path="a.py"), call(path="b.py"))), True, "2 times"),
        (Reply("", calls=(call("readFile", file_path="a.py"),)), True, "repaired"),
        (Reply(FENCED), True, "written as text (json fence)"),
        (Reply(HERMES), True, "written as text (hermes)"),
        (Reply("", calls=(call("shell", command="cat a.py"),)), False, "it called shell"),
        (Reply("", calls=(call(path="a.py"), call("shell", command="ls"))), False, "it called shell"),
        (Reply("", calls=(call(start_line=1),)), False, "path: Field required"),
        (Reply("", calls=(call(path="a.py", start_line="soon"),)), False, "start_line"),
        (Reply(PROSE), False, PROSE),
        (Reply(""), False, "it is empty"),
        (Reply(GOOD[:30], finish_reason="length"), False, "no whole call within 120 tokens"),
        (Reply(f"{FENCED}\nThen I", finish_reason="length"), None, "did not end within"),
        (Reply("<think>Let me see", finish_reason="length", usage=Usage(completion_tokens=99)), None, "99 tokens"),
        (Reply("so so so", finish_reason="repetition"), False, "without end"),
    ],
)  # fmt: skip
def test_which_replies_count(reply: Reply, works: bool | None, told: str) -> None:
    found = evaluate(reply, "native")
    assert found.works is works
    assert told in found.reason


def test_a_native_call_that_was_cut_off_is_none() -> None:
    half = ToolCall(id="abcdefghi", name="read_file", arguments='{"path": "src/pa')
    assert evaluate(Reply("", calls=(half,), finish_reason="length"), "native").works is False


def test_where_a_call_stands_is_told_of_native_ones_only() -> None:
    assert evaluate(Reply(HERMES), "text").reason == "read_file was called"
