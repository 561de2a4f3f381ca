"""The model decides: calls are asked for in the way that works, and only what is whole is run."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import GenericDouble, LlamaCppDouble, OllamaDouble, VllmDouble
from doubles.faults import Endless, Status
from working import FIX, SUBMIT, FinishedSession, call, calls, work

from agent.model.tool_calling import ToolCallModeMemory
from agent.strategy.agent.tool_loop import GIVE_UP_AFTER


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def modes(worked: FinishedSession) -> list[str]:
    return [prompt.mode for prompt in worked.prompts]


def in_json(made: tuple[str, str]) -> str:
    """A call as the JSON it is under a schema."""
    return json.dumps({"name": made[0], "arguments": json.loads(made[1])})


def in_fence(made: tuple[str, str]) -> str:
    return f"```json\n{in_json(made)}\n```"


def remembered() -> list[str]:
    path = ToolCallModeMemory().path
    return [entry["rung"] for entry in json.loads(path.read_text()).values()] if path.exists() else []


# ---------------------------------------------------------------- how calls are asked for


def test_native_calls_that_come_stay_native_and_are_remembered(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert modes(worked) == ["native"]
    assert all(body["tools"] for body in double.requests)
    assert remembered() == ["native"]


def test_a_model_that_writes_prose_is_asked_in_another_way_each_time(tmp_path: Path) -> None:
    rest = iter([FIX, SUBMIT, SUBMIT])

    def says(body: dict[str, Any]) -> str:
        return in_json(next(rest)) if "response_format" in body else "I think that the sum is wrong."

    with LlamaCppDouble(says) as double:
        worked = work(double, tmp_path)
        assert worked.result.status == "fixed", worked.result.error
        assert modes(worked) == ["native", "text", "begun", "constrained"]
        assert {prompt.reason for prompt in worked.prompts[1:]} == {"the replies had no tool call"}
        native, text, begun, constrained = (double.requests[at] for at in (0, 2, 4, 6))
        assert native["tools"] and "response_format" not in native
        assert "tools" not in text and "edit_file" in text["messages"][0]["content"]
        assert "tools" not in begun and begun["messages"][-1]["role"] == "assistant"
        assert (begun["add_generation_prompt"], begun["continue_final_message"]) == (False, True)
        assert "tools" not in constrained
        assert constrained["response_format"]["type"] == "json_schema"
        assert remembered() == ["constrained"]
        again = iter([FIX, SUBMIT, SUBMIT])
        double.answers = [lambda _: in_json(next(again))]
        assert modes(work(double, tmp_path)) == ["constrained"]  # the next session begins there


@pytest.mark.parametrize("made", [in_json, in_fence], ids=["json", "fence"])
# peers rows 5 and 36
def test_calls_in_the_text_are_run_on_the_native_rung_too(tmp_path: Path, made: Any) -> None:
    with LlamaCppDouble(made(FIX), made(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert all(reply.parsed not in {"native", ""} for reply in worked.replies)


def test_a_server_without_a_parser_for_tools_is_asked_without(tmp_path: Path) -> None:
    with VllmDouble(in_fence(FIX), in_fence(SUBMIT), tools_enabled=False) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert modes(worked) == ["native", "text"]
    assert "refused" in worked.prompts[1].reason
    assert remembered() == ["text"]


def test_a_server_that_says_it_takes_no_tools_is_not_sent_any(tmp_path: Path) -> None:
    with OllamaDouble(in_fence(FIX), in_fence(SUBMIT)) as double:
        double.capabilities = ["completion"]
        worked = work(double, tmp_path)
        assert all("tools" not in body for body in double.requests)
    assert worked.result.status == "fixed", worked.result.error
    assert modes(worked) == ["text"]


def test_what_refuses_every_way_ends_with_its_own_words(tmp_path: Path) -> None:
    with GenericDouble(Status(400, "this is no chat model")) as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == 3  # native, text, constrained
    assert (worked.result.status, worked.result.exit_code) == ("error", 3)
    assert "this is no chat model" in (worked.result.error or "")


def test_a_refusal_of_the_key_moves_nothing(tmp_path: Path) -> None:
    with GenericDouble(Status(401, "no")) as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == 1
    assert worked.result.exit_code == 3 and modes(worked) == ["native"]


def test_what_was_done_is_carried_over_to_another_way_of_asking(tmp_path: Path) -> None:
    """Tools are refused in the middle of a session: its steps stay in the prompt, as text."""
    answers = iter([calls(call("read_file", path="calc.py")), {"status": 400, "body": {"error": {"message": "no tools"}}},
                    in_fence(FIX), in_fence(SUBMIT), in_fence(SUBMIT)])  # fmt: skip
    with GenericDouble(lambda _: next(answers)) as double:
        worked = work(double, tmp_path)
        assert worked.result.status == "fixed", worked.result.error
        carried = double.requests[2]["messages"]
    assert modes(worked) == ["native", "text"]
    assert [message["role"] for message in carried] == ["system", "user", "assistant", "user"]
    assert "read_file" in carried[2]["content"] and "calc.py" in carried[2]["content"]
    assert "return a - b" in carried[3]["content"]
    assert all(set(message) == {"role", "content"} for message in carried)


# ---------------------------------------------------------------- one reply


def test_a_reply_the_server_can_not_parse_is_asked_for_without_tools_and_read_here(tmp_path: Path) -> None:
    text = "<tool_call>\n<function=edit_file>\n<parameter=path>\ncalc.py\n</parameter>\n<parameter=old>\nreturn a - b\n" \
           "</parameter>\n<parameter=new>\nreturn a + b\n</parameter>\n</function>\n</tool_call>"  # fmt: skip
    with LlamaCppDouble("unused", text, calls(SUBMIT)) as double:
        double.unparsable = 1
        worked = work(double, tmp_path)
        assert worked.result.status == "fixed", worked.result.error
        refused, again, later, _ = double.requests
        assert refused["tools"] and "tools" not in again and later["tools"]
        assert refused["messages"] == again["messages"]
    assert worked.replies[0].parsed == "qwen3-coder"
    assert modes(worked) == ["native"]


@pytest.mark.parametrize("finish", ["length"])
def test_a_call_that_was_cut_off_is_not_run(tmp_path: Path, finish: str) -> None:
    half = ("shell", '{"command": "rm -rf / --no-pres')
    with LlamaCppDouble(calls(half, finish=finish), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert [observed.name for observed in worked.observed] == ["edit_file", "submit", "submit"]
    assert len(worked.user_messages) == 1 and "cut off" in worked.user_messages[0]


def test_of_a_reply_that_was_cut_off_the_whole_calls_are_run(tmp_path: Path) -> None:
    half = ("shell", '{"command": "rm -rf / --no-pres')
    with LlamaCppDouble(calls(FIX, half, finish="length"), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert [observed.name for observed in worked.observed] == ["edit_file", "submit", "submit"]


def test_text_that_was_cut_off_is_not_looked_at_for_calls(tmp_path: Path) -> None:
    cut = {"content": "```bash\nrm -rf build /", "finish": "length"}
    with LlamaCppDouble(cut, calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert [observed.name for observed in worked.observed] == ["edit_file", "submit", "submit"]


def test_a_reply_that_stays_endless_is_told_to_the_model_and_moves_nothing(tmp_path: Path) -> None:
    endless = [Endless(), Endless(), Endless()]
    with LlamaCppDouble(*endless, calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        assert all(each.stopped.wait(30) for each in endless)
    assert worked.result.status == "fixed", worked.result.error
    assert modes(worked) == ["native"]
    assert "cut off" in worked.user_messages[0]


# peers row 41; case 22
def test_arguments_that_are_no_json_are_stored_so_that_they_can_be_sent_again(tmp_path: Path) -> None:
    broken = ("read_file", '{"path": "calc.py",}')
    with LlamaCppDouble(calls(broken), calls(FIX), calls(SUBMIT)) as double:  # which refuses a history it can't read
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert worked.observed[0].ok and "return a - b" in worked.observed[0].content


def test_the_models_own_argument_string_is_sent_again_byte_for_byte(tmp_path: Path) -> None:
    own = '{ "path":\t"calc.py" , "start_line": 1.0, "end_line":2}'
    with VllmDouble(calls(("read_file", own)), calls(FIX), calls(SUBMIT)) as double:
        work(double, tmp_path)
        sent = [json.dumps(body["messages"]) for body in double.requests]
        assert json.dumps(own) in sent[1]
    assert all(later.startswith(earlier[:-1]) for earlier, later in itertools.pairwise(sent))


# peers row 35
def test_prose_without_end_is_given_up(tmp_path: Path) -> None:
    with GenericDouble("The issue is fixed and all tests pass.") as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == 2 + 2 + GIVE_UP_AFTER  # native, text, constrained
    assert worked.result.status == "no_patch"
    assert "no tool call" in (worked.result.error or "")
    assert remembered() == []


def test_an_overflow_ends_the_session_as_a_budget(tmp_path: Path) -> None:
    def says(body: dict[str, Any]) -> Any:
        double.window = 100  # from now on
        return calls(call("read_file", path="calc.py"))

    with VllmDouble(says) as double:
        worked = work(double, tmp_path)
    assert (worked.result.status, worked.result.exit_code) == ("budget", 5)
    assert "longer than the window" in (worked.result.error or "")


def test_a_prompt_that_was_not_read_whole_ends_the_session(tmp_path: Path) -> None:
    with OllamaDouble(calls(FIX), old=True, trained=16_384) as double:
        double.here.append(double.model)
        big = {"AGENTS.md": "word " * 30_000, "calc.py": "x = 1\n"}
        double.default_context = 16_384
        double.evaluated = lambda body: 150  # type: ignore[method-assign]
        worked = work(double, tmp_path, files=big)
    assert (worked.result.status, worked.result.exit_code) == ("error", 3)
    assert "read only 150 tokens" in (worked.result.error or "")
    assert worked.observed == []
