"""Everything a model can do wrong: answered with what was expected, told twice, then ended with its work kept."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import GenericDouble, LlamaCppDouble
from working import FIX, SUBMIT, call, calls, work

from agent.model.servers import base
from agent.recovery.stuck import CHANGE_AT, NUDGE_AT, STOP_AT


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


MALFORMED = {
    "no JSON": ("shell", "run the tests please"),
    "a list": ("shell", '["ls"]'),
    "another key": ("read_file", '{"file_number": 3}'),
    "a wrong type": ("read_file", '{"path": {"name": "calc.py", "x": [1]}}'),
    "none of what is needed": ("edit_file", "{}"),
    "a number": ("shell", "12"),
    "null": ("shell", "null"),
}


@pytest.mark.parametrize("broken", MALFORMED.values(), ids=MALFORMED)
def test_malformed_arguments_are_answered_and_the_history_stays_sendable(
    tmp_path: Path, broken: tuple[str, str]
) -> None:
    """Case 22; peers row 41: stored as JSON, since llama.cpp answers 500 for ever to a history it can't read."""
    with LlamaCppDouble(calls(broken), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        sent = double.requests[-1]["messages"]
    assert worked.result.status == "fixed", worked.result.error
    first = worked.observed[0]
    assert not first.ok and ("Expected {" in first.content or "Nothing was done" in first.content)
    for message in sent:
        for made in message.get("tool_calls", []):
            assert isinstance(json.loads(made["function"]["arguments"]), dict)
    assert worked.result.files == ["calc.py"]


def test_an_empty_reply_an_unknown_tool_and_prose_are_each_answered(tmp_path: Path) -> None:
    """Case 23, its first half."""
    empty: list[Any] = [""] * 3  # asked for again twice by itself
    strange = calls(call("fly_to_the_moon", speed=3))
    with LlamaCppDouble(strange, *empty, "Let me think.", calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert "there is no tool 'fly_to_the_moon'" in worked.observed[0].content
    assert len(worked.user_messages) == 2 and all("had no tool call" in each for each in worked.user_messages)
    warned = [event.message for event in worked.of("warned")]
    assert warned.count("the reply is empty; asking again") == 2


def test_the_same_call_twenty_times_is_told_twice_then_ended_with_the_work_kept(tmp_path: Path) -> None:
    """Case 23, its second half; peers row 23: nothing but the call and its result is looked at."""
    again = [calls(call("shell", command="cat missing"), content=f"Thought {n}.") for n in range(20)]
    with LlamaCppDouble(calls(FIX), *again) as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == 1 + STOP_AT
    told = [n for n, each in enumerate(worked.observed) if "try something else" in each.content]
    changed = [n for n, each in enumerate(worked.observed) if "Change your approach" in each.content]
    assert (told, changed) == ([NUDGE_AT], [CHANGE_AT])
    assert worked.of("ended")[0].status == "gave_up"
    assert "return a + b" in worked.result.patch  # and verified all the same
    assert worked.result.verification is not None and worked.result.verification.after is not None


def test_words_to_the_model_never_move(tmp_path: Path) -> None:
    """peers row 27: every word stands where it was said first; the prompt only grows."""
    stuck = [calls(call("shell", command="cat missing"))] * (STOP_AT - 1)
    script = ["I can't help with that.", calls(("shell", "nonsense")), *stuck, "Hm.", calls(FIX), calls(SUBMIT)]
    with LlamaCppDouble(*script) as double:
        worked = work(double, tmp_path)
        sent = [json.dumps(body["messages"]) for body in double.requests]
        tools = {json.dumps(body["tools"]) for body in double.requests}
    assert worked.result.status == "fixed", worked.result.error
    assert len(sent) == len(script) + 1 and len(tools) == 1
    assert all(later.startswith(earlier[:-1]) for earlier, later in itertools.pairwise(sent))
    assert "ordinary maintenance" in sent[-1] and "Change your approach" in sent[-1]


def test_a_model_nobody_knows_works_and_has_no_price(tmp_path: Path) -> None:
    """peers row 7: what a token costs is never asked."""
    with GenericDouble(calls(FIX), calls(SUBMIT), model="somebodys-own-finetune-v0.3") as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert "cost" not in worked.result.model_dump_json() and worked.result.usage.completion_tokens > 0


def test_a_mistake_of_our_own_is_told_at_once_and_never_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """peers row 8: a missing import was retried ten times for four minutes."""
    asked = 0
    own = base.Server.reply

    async def reply(self: base.Server, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 2:
            import module_that_is_missing  # type: ignore[import-not-found]  # noqa: F401
        return await own(self, *arguments)

    monkeypatch.setattr(base.Server, "reply", reply)
    with GenericDouble(calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert asked == 2 and "trying again" not in str(worked.of("warned"))
    assert (worked.result.status, worked.result.exit_code) == ("error", 1)
    assert "module_that_is_missing" in (worked.result.error or "")
    assert (tmp_path / "session-0" / "crash.txt").read_text().count("module_that_is_missing") >= 1
    assert "return a + b" in worked.result.patch  # the work is kept
