"""A reply without a call is answered by what it is: cut, a refusal, prose."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles import LlamaCppDouble
from working import FIX, SUBMIT, calls, work

from agent.recovery.no_tool_call import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with this request.",
        "I cannot assist with modifying this code.",
        "I am unable to help with this task.",
        "I'm unable to directly access or modify files.",
        "As an AI language model, I am not able to execute code or use tools.",
        "I won't be able to help you with that.",
        "I must decline to do this.",
        "Unfortunately, I can not comply with your request.",
    ],
)
def test_refusals_are_known(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I can't find `add` in calc.py. Let me search for it.",
        "I'm sorry for the confusion. The bug is in calc.py.",
        "The function cannot handle negative numbers.",
        "I cannot reproduce the failure with Python 3.11.",
        "I think the sum is wrong. I can help.",
        "The issue is fixed. " * 40 + "I can't help with more.",
    ],
)
def test_prose_is_none(text: str) -> None:
    assert not is_refusal(text)


def test_what_a_filter_took_away_is_one() -> None:
    assert is_refusal("", "content_filter")


@pytest.mark.parametrize(
    "said", ["I'm sorry, but I can't help with that.", {"content": "No.", "finish": "content_filter"}]
)
def test_a_refusal_is_answered_and_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: object) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    with LlamaCppDouble(said, said, calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert [prompt.mode for prompt in worked.prompts] == ["native"]
    assert (
        len(worked.user_messages) == 2
        and "ordinary maintenance" in worked.user_messages[0]
        and "submit" in worked.user_messages[0]
    )


def test_a_model_that_goes_on_refusing_is_given_up_with_its_work_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    with LlamaCppDouble(calls(FIX), "I can't help with that.") as double:
        worked = work(double, tmp_path)
    assert worked.of("ended")[0].status == "gave_up"
    assert "return a + b" in worked.result.patch
