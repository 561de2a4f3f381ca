"""The three formats as their readers take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import FIRST, PATCH, backend, call, finished, prompt, ran, record, reply, result, started

from agent.errors import JournalDamaged, JournalError
from agent.session.events import EVENT, Ended, Event, Observed, SetupRan, UserSaid, Warned
from agent.session.export import Format, export_session
from agent.session.export.atif import atif, parsed_arguments
from agent.session.export.masking import Mask
from agent.session.export.swe_agent import swe_agent
from agent.session.records import Record

AGENT_ONLY = {"model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics"}
STEP = AGENT_ONLY | {
    "step_id", "timestamp", "source", "message", "observation", "extra", "llm_call_count", "is_copied_context"
}  # fmt: skip
ROOT = {
    "schema_version", "session_id", "trajectory_id", "agent", "steps", "notes", "final_metrics", "extra",
    "continued_trajectory_ref", "subagent_trajectories",
}  # fmt: skip


def recorded(*events: Event) -> list[Record]:
    return [Record(number, 1_769_869_501.25 + number, event) for number, event in enumerate(events)]


def as_atif(*events: Event) -> dict[str, Any]:
    """A trajectory that keeps the rules."""
    trajectory: dict[str, Any] = json.loads("".join(atif(recorded(*events), Mask())))
    keeps_the_rules(trajectory)
    return trajectory


def keeps_the_rules(trajectory: dict[str, Any]) -> None:
    """ATIF 1.8: no field it doesn't know, steps numbered from 1, results of the step's own calls, agents' fields."""
    assert trajectory["schema_version"] == "ATIF-v1.8"
    assert set(trajectory) <= ROOT
    assert set(trajectory["agent"]) <= {"name", "version", "model_name", "tool_definitions", "extra"}
    assert [step["step_id"] for step in trajectory["steps"]] == list(range(1, len(trajectory["steps"]) + 1))
    assert trajectory["final_metrics"]["total_steps"] == len(trajectory["steps"])
    for step in trajectory["steps"]:
        assert set(step) <= STEP
        assert step["source"] in {"system", "user", "agent"}
        assert isinstance(step["message"], str)
        datetime.fromisoformat(step["timestamp"])
        if step["source"] != "agent":
            assert not AGENT_ONLY & set(step)
        if step.get("llm_call_count") == 0:
            assert not {"metrics", "reasoning_content"} & set(step)
        calls = {each["tool_call_id"] for each in step.get("tool_calls", [])}
        assert all(isinstance(each["arguments"], dict) for each in step.get("tool_calls", []))
        for each in step.get("observation", {}).get("results", []):
            assert each.get("source_call_id") in calls | {None}


def test_atif_of_a_session() -> None:
    trajectory = as_atif(*finished(FIRST))
    assert (trajectory["session_id"], trajectory["agent"]["version"]) == (FIRST, "1.2.3")
    assert trajectory["agent"]["model_name"] == "qwen"
    sources = [step["source"] for step in trajectory["steps"]]
    assert sources == ["system", "system", "system", "user", "agent", "agent", "system"]
    look, edit = trajectory["steps"][4:6]
    assert (look["message"], look["reasoning_content"]) == ("Let me look.", "hm")
    assert look["tool_calls"] == [{"tool_call_id": "c1", "function_name": "read_file", "arguments": {"path": "a.py"}}]
    assert [each["content"] for each in look["observation"]["results"]] == ["1\ta = 1"]
    assert look["metrics"]["prompt_tokens"] == 100
    assert look["metrics"]["cached_tokens"] == 60
    assert look["metrics"]["completion_tokens"] == 7
    assert look["timestamp"] == "2026-01-31T14:25:05.250Z"
    assert edit["extra"]["tree"] == "b" * 40
    metrics = trajectory["final_metrics"]
    assert (metrics["total_prompt_tokens"], metrics["total_cached_tokens"], metrics["total_completion_tokens"]) == (
        200, 120, 14,
    )  # fmt: skip
    about = trajectory["extra"]
    assert (about["status"], about["patch"], about["issue"]["source"]) == ("fixed", PATCH, "issue.md")


def test_atif_of_a_session_that_was_cut_off() -> None:
    made = call("c1")
    trajectory = as_atif(started(FIRST), prompt(("user", "Fix it.")), reply("", made))
    assert trajectory["extra"]["status"] == "unfinished"
    assert "model_name" not in trajectory["agent"]
    assert "observation" not in trajectory["steps"][-1]


@pytest.mark.parametrize(
    "arguments", ["not json", "[1]", '{"a":' * 3000 + "1" + "}" * 3000, '{"n": ' + "9" * 5000 + "}"]
)
def test_arguments_that_are_no_object_are_kept_as_they_are(arguments: str) -> None:
    (step,) = as_atif(reply("", call("c1", arguments=arguments)))["steps"]
    assert step["tool_calls"][0]["arguments"] == {}
    assert step["tool_calls"][0]["extra"] == {"arguments": arguments}


def test_arguments_that_json_can_not_hold_are_mended() -> None:
    made = call("c1", arguments='{"a": NaN, "b": "\\ud800", "c": 1e999, "d": "{[{["}')
    (step,) = as_atif(reply("", made))["steps"]
    assert step["tool_calls"][0]["arguments"] == {"a": "nan", "b": "?", "c": "inf", "d": "{[{["}
    assert parsed_arguments('{"text": "' + "[" * 100 + '"}') is None  # counted as if it were nested: kept as text


def test_what_happened_besides_is_told_in_words_with_its_output() -> None:
    setup = SetupRan(command="pip install .", exit_code=1, seconds=3.0, output="no such thing")
    orphan = Observed(call_id="c9", name="shell", ok=False, content="interrupted")
    ran_setup, warned, late = as_atif(setup, Warned(message="careful"), orphan)["steps"]
    assert ran_setup["message"] == "setup ran: pip install ."
    assert ran_setup["observation"] == {"results": [{"content": "no such thing"}]}
    assert ran_setup["extra"] == {
        "event": "setup_ran", "command": "pip install .", "exit_code": 1, "seconds": 3.0, "refused_hosts": [],
    }  # fmt: skip
    assert warned["message"] == "warned: careful"
    assert (late["source"], late["observation"]["results"]) == ("system", [{"content": "interrupted"}])


def test_another_model_is_named_at_its_steps() -> None:
    steps = as_atif(backend("one"), reply("a"), backend("two"), reply("b"))["steps"]
    assert [step.get("model_name") for step in steps if step["source"] == "agent"] == [None, "two"]


def test_a_prompt_that_began_anew_says_how_much_it_has() -> None:
    opening = [("system", "You."), ("user", "Issue.")]
    steps = as_atif(prompt(*opening), reply("a"), prompt(*opening, ("user", "Summary."), reason="full"))["steps"]
    assert [step["message"] for step in steps] == ["You.", "Issue.", "a", "prompt began: full", "Summary."]
    assert steps[3]["extra"] == {"event": "prompt_began", "mode": "native", "messages": 3, "reason": "full"}


def as_swe_agent(*events: Event) -> dict[str, Any]:
    text = "".join(swe_agent(recorded(*events), Mask()))
    assert text.isascii()
    trajectory: dict[str, Any] = json.loads(text)
    return trajectory


def test_a_swe_agent_trajectory_has_the_models_messages_and_an_exit() -> None:
    trajectory = as_swe_agent(*finished(FIRST))
    messages = trajectory["messages"]
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "tool", "assistant", "tool", "exit"]
    assert messages[2]["reasoning_content"] == "hm"
    assert messages[2]["tool_calls"][0]["function"] == {"name": "read_file", "arguments": '{"path": "a.py"}'}
    assert messages[2]["extra"]["actions"][0]["command"] == 'read_file {"path": "a.py"}'
    assert messages[4]["extra"]["actions"][0]["command"] == "sed -i s/1/2/ a.py"
    assert (messages[5]["tool_call_id"], messages[5]["extra"]["returncode"]) == ("c2", 0)
    assert messages[-1]["extra"] == {"exit_status": "Submitted", "submission": PATCH}
    info = trajectory["info"]
    assert (info["exit_status"], info["submission"]) == ("Submitted", PATCH)
    assert info["model_stats"] == {
        "instance_cost": 0.0, "api_calls": 2, "tokens_sent": 200, "tokens_received": 14,
    }  # fmt: skip
    assert trajectory["trajectory_format"] == "mini-swe-agent-1.1"


@pytest.mark.parametrize(
    ("ended", "status", "told"),
    [
        ("budget", "budget", "LimitsExceeded"),
        ("interrupted", "interrupted", "Interrupted"),
        ("gave_up", "no_patch", "GaveUp"),
        ("failed", "error", "Error"),
    ],
)
def test_how_it_ended_in_that_formats_words(ended: Any, status: str, told: str) -> None:
    trajectory = as_swe_agent(started(FIRST), Ended(status=ended), result(FIRST, status, patch=""))
    assert trajectory["info"]["exit_status"] == trajectory["messages"][-1]["extra"]["exit_status"] == told


def test_one_that_did_not_end_has_no_exit() -> None:
    trajectory = as_swe_agent(started(FIRST), prompt(("user", "Füge zu 加")), reply("ja"))
    assert [each["role"] for each in trajectory["messages"]] == ["user", "assistant"]
    assert trajectory["messages"][0]["content"] == "Füge zu 加"
    assert trajectory["info"]["exit_status"] == ""


def test_json_lines_are_the_events_with_number_and_time(tmp_path: Path) -> None:
    place = record(tmp_path, FIRST)
    lines = [json.loads(line) for line in b"".join(export_session(place, "jsonl")).splitlines()]
    assert [line["n"] for line in lines] == list(range(len(lines)))
    assert all(datetime.fromisoformat(line["time"]) for line in lines)
    assert [EVENT.validate_python(line) for line in lines] == finished(FIRST)


@pytest.mark.parametrize("form", get_args(Format))
def test_every_format_masks_and_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    token = "ghp_" + "a1B2" * 9
    made = call("c1", command=f"curl -H 'Authorization: Bearer {token}'")
    place = record(
        tmp_path, FIRST, started(FIRST, repository="/home/ada/code", issue_body=token), prompt(("user", token)),
        reply(f"I saw {token} in /home/ada/.netrc", made, reasoning=token), *ran(made, f"{token}\n" * 50),
        UserSaid(content=token), *(reply("x" * 100_000) for _ in range(50)), result(FIRST, patch=f"+{token}\n"),
    )  # fmt: skip
    pieces = export_session(place, form)
    assert isinstance(pieces, Iterator)
    whole = list(pieces)
    assert max(map(len, whole)) < 200_000
    assert sum(map(len, whole)) > 5_000_000
    assert b"ghp_" not in b"".join(whole)
    assert b"/home/ada" not in b"".join(whole)
    assert b"***" in b"".join(whole)


@pytest.mark.parametrize("form", get_args(Format))
def test_what_can_not_be_exported_says_so_before_anything_is_written(tmp_path: Path, form: Any) -> None:
    place = record(tmp_path, FIRST)
    data = (place / "journal.jsonl").read_bytes()
    (place / "journal.jsonl").write_bytes(b"{}\n" + data)
    with pytest.raises(JournalDamaged, match="line 1"):
        export_session(place, form)
    (place / "journal.jsonl").write_bytes(b"")
    with pytest.raises(JournalError, match="no event yet"):
        export_session(place, form)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.sampled_from(["c1", "c2", "c3"])
CALLS = st.builds(call, IDS, TEXT, st.one_of(TEXT, st.just('{"a": 1}'), st.just("{}")))
EVENTS = st.one_of(
    st.builds(reply, TEXT, CALLS, CALLS),
    st.builds(reply, TEXT),
    st.builds(lambda made: ran(made, "x")[0], CALLS),
    st.builds(Observed, call_id=IDS, name=TEXT, ok=st.booleans(), content=TEXT),
    st.builds(UserSaid, content=TEXT),
    st.builds(Warned, message=TEXT),
    st.builds(lambda content: prompt(("user", content)), TEXT),
    st.just(backend()),
    st.just(result(FIRST)),
    st.just(started(FIRST)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_any_events_make_a_trajectory_that_keeps_the_rules(events: list[Event]) -> None:
    trajectory = as_atif(*events)
    observed = sum(isinstance(event, Observed) and event.content != "" for event in events)
    results = [each for step in trajectory["steps"] for each in step.get("observation", {}).get("results", [])]
    assert sum(each["content"] != "" for each in results) == observed
    assert len([step for step in trajectory["steps"] if step.get("llm_call_count") == 1]) == sum(
        event.kind == "model_replied" for event in events
    )
    as_swe_agent(*events)
