"""The calls of a reply: intent before effect, reads beside each other, near misses mended, loops noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubles import LlamaCppDouble, OllamaDouble
from working import FIX, SUBMIT, FinishedSession, call, calls, work

from agent.recovery.progress import LIMITS
from agent.recovery.stuck import CHANGE_AT, NUDGE_AT, STOP_AT

READ = call("read_file", path="calc.py")
MARK = call("shell", command="date +%s%N > mark; cat mark")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def order(worked: FinishedSession) -> list[str]:
    """Calls and observations as they were journalled."""
    said = {"tool_called": lambda event: f"> {event.call.name}", "observed": lambda event: f"< {event.name}"}
    return [said[event.kind](event) for event in worked.events if event.kind in said]


def test_reads_are_together_and_everything_else_in_its_order(tmp_path: Path) -> None:
    search = call("search", pattern="return")
    with LlamaCppDouble(calls(READ, search, FIX, READ, SUBMIT), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert order(worked) == [
        "> read_file", "> search", "< read_file", "< search",
        "> edit_file", "< edit_file",
        "> read_file", "< read_file",
        "> submit", "< submit",
        "> submit", "< submit",
    ]  # fmt: skip
    first, _, _, second, *_ = worked.observed
    assert "return a - b" in first.content and "return a + b" in second.content


def test_every_result_has_the_id_of_its_call(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(READ, call("search", pattern="return"), READ), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        messages = double.requests[1]["messages"]
    made = [each["id"] for each in messages[2]["tool_calls"]]
    assert [message["tool_call_id"] for message in messages[3:6]] == made
    assert len(set(made)) == 3 and all(len(each) == 9 and each.isalnum() for each in made)
    assert [observed.call_id for observed in worked.observed[:3]] == made


def test_a_tools_wrong_name_and_arguments_are_mended_and_the_model_is_told(tmp_path: Path) -> None:
    wrong = call("str_replace_editor", file_path="calc.py", old_str="return a - b", new_str="return a + b")
    with LlamaCppDouble(calls(wrong), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        sent = double.requests[1]["messages"]
    assert worked.result.status == "fixed", worked.result.error
    observed = worked.observed[0]
    assert observed.name == "edit_file" and observed.ok
    assert observed.content.startswith("(") and "str_replace_editor" in observed.content.splitlines()[0]
    assert sent[2]["tool_calls"][0]["function"] == {"name": wrong[0], "arguments": wrong[1]}  # as it made it


def test_a_tool_that_is_none_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(call("fly_to_the_moon", speed=3)), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert not worked.observed[0].ok
    assert "read_file" in worked.observed[0].content and "submit" in worked.observed[0].content


def test_a_submit_of_nothing_is_questioned_once(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == 2
        last = double.requests[1]["messages"][-1]
    assert worked.result.status == "no_patch"
    assert last["role"] == "tool"  # the question stands in the result: nothing comes between it and the next reply
    assert "Nothing in the repository has changed" in last["content"]


def test_what_comes_after_a_submit_is_not_run(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(FIX, SUBMIT, call("shell", command="rm calc.py")), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        results = [message for message in double.requests[1]["messages"] if message["role"] == "tool"]
    assert worked.result.status == "fixed", worked.result.error
    assert [observed.name for observed in worked.observed] == ["edit_file", "submit", "shell", "submit"]
    assert len(results) == 3 and results[-1]["content"].startswith("not run")  # every call has a result


def observed_with(worked: FinishedSession, words: str) -> list[int]:
    """The numbers, from 1, of the observations that have some words."""
    return [number for number, each in enumerate(worked.observed, 1) if words in each.content]


def test_the_same_call_with_the_same_result_is_told_and_then_ended(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(call("search", pattern="nothing_like_this"))) as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == STOP_AT
        assert all(message["role"] != "user" for message in double.requests[-1]["messages"][2:])
    assert worked.result.status == "no_patch"
    assert observed_with(worked, "try something else") == [NUDGE_AT]
    assert observed_with(worked, "Change your approach now. Call plan with") == [CHANGE_AT]


def test_a_failing_command_with_other_thoughts_and_in_other_forms_is_one(tmp_path: Path) -> None:
    """peers row 37: the same failing command 14 times with varied thoughts."""
    forms = ["python3 missing.py", "cd . && python3 missing.py", "python3  'missing.py'"]

    def says(body: dict[str, object]) -> object:
        at = len(double.requests)
        return calls(call("shell", command=forms[at % 3]), content=f"Thought {at}: this time it will work.")

    with LlamaCppDouble(says) as double:
        worked = work(double, tmp_path)
        assert len(double.requests) == STOP_AT < 14
    assert worked.of("ended")[0].reason == f"the same call was made {STOP_AT} times with the same result"


def test_edits_to_and_fro_are_a_loop_and_end_with_the_work_kept(tmp_path: Path) -> None:
    """A-B-A-B in edits: the files change with every step, but never to what they were not before."""
    there = call("edit_file", path="calc.py", old="return a - b", new="return b - a")
    back = call("edit_file", path="calc.py", old="return b - a", new="return a - b")
    keep = call("write_file", path="kept.py", content="kept = 1\n")
    with LlamaCppDouble(calls(keep), *[calls(there), calls(back)] * 20) as double:
        worked = work(double, tmp_path, max_steps=60)
        assert len(double.requests) <= 2 * STOP_AT + 2
    assert worked.of("ended")[0].status == "gave_up" and "same call" in worked.of("ended")[0].reason
    assert "kept = 1" in worked.result.patch
    assert observed_with(worked, "Change your approach")


def test_three_calls_in_turn_are_a_loop(tmp_path: Path) -> None:
    """A-B-C: each of them seldom, together for ever."""
    turn = [READ, call("search", pattern="return"), call("shell", command="ls")]
    with LlamaCppDouble(*[calls(each) for each in turn * 10]) as double:
        worked = work(double, tmp_path, max_steps=60)
    ended = worked.of("ended")[0]
    assert ended.status == "gave_up"
    assert len(double.requests) <= LIMITS["idle"].stop + len(turn)
    assert observed_with(worked, "3 calls in turn")


def test_the_last_edits_are_taken_back_when_the_model_asks(tmp_path: Path) -> None:
    wrong = call("edit_file", path="calc.py", old="return a - b", new="return a * b")
    stuck = [calls(call("run_tests"))] * CHANGE_AT
    with LlamaCppDouble(calls(wrong), *stuck, calls(call("undo")), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    asked = observed_with(worked, "take them back with undo first")
    undone = next(each for each in worked.observed if each.name == "undo")
    assert asked == [1 + CHANGE_AT] and undone.ok and "calc.py" in undone.content


def test_testing_after_each_of_many_changes_is_no_loop(tmp_path: Path) -> None:
    made: list[object] = []
    for n in range(2 * STOP_AT):
        made += [
            calls(call("write_file", path="notes.txt", content=f"{n}\n")),
            calls(call("shell", command="ls; false")),
        ]
    with LlamaCppDouble(*made, calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path, max_steps=60)
    assert worked.result.status == "fixed", worked.result.error
    assert not observed_with(worked, "same result")


def test_many_reads_in_one_reply_are_no_loop(tmp_path: Path) -> None:
    """peers row 23: five parallel reads are one step."""
    with LlamaCppDouble(calls(*[READ] * 5), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert not observed_with(worked, "same result")


def test_the_same_call_with_another_result_is_no_loop(tmp_path: Path) -> None:
    """peers row 43: polling something that moves."""
    with LlamaCppDouble(*[calls(MARK)] * (STOP_AT + 2), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert len(worked.observed) == STOP_AT + 5


def test_a_change_is_kept_as_a_snapshot_and_reading_makes_none(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(READ), calls(FIX), calls(READ), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert len(worked.of("snapshot_taken")) == 1


def test_ollama_is_given_objects_in_the_models_order_and_the_tool_of_every_result(tmp_path: Path) -> None:
    edit = ("edit_file", '{"path": "calc.py", "old": "return a - b", "new": "return a + b"}')
    odd = ("edit_file", '{"new": "x", "path": "calc.py", "old": "nothing like it"}')
    with OllamaDouble(calls(odd, READ), calls(edit), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        messages = double.requests[1]["messages"]
    assert worked.result.status == "fixed", worked.result.error
    functions = [each["function"] for each in messages[2]["tool_calls"]]
    assert [json.dumps(function["arguments"]) for function in functions] == [odd[1], READ[1]]
    assert [message["tool_name"] for message in messages[3:5]] == ["edit_file", "read_file"]
