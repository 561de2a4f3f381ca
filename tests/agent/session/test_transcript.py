"""What was sent to the model once is sent again, byte for byte; only what is new comes after it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.dialects import DIALECTS, json_call, parse_text
from agent.model.types import ToolCall
from agent.session.events import (
    Ended,
    Event,
    ModelReplied,
    Observed,
    PromptBegan,
    SnapshotTaken,
    TestsRan,
    ToolCalled,
    UserSaid,
    Warned,
)
from agent.session.transcript import Transcript, as_text

SYSTEM = {"role": "system", "content": "s"}
ISSUE = {"role": "user", "content": "u"}
CALL = ToolCall(id="abcdefghi", name="shell", arguments='{"command":  "ls"}')
SECOND = ToolCall(id="ihgfedcba", name="read_file", arguments='{"path": "é"}')
BEGAN = PromptBegan(mode="native", messages=[SYSTEM, ISSUE])
REPLIED = ModelReplied(content="So:", reasoning="hm", tool_calls=[CALL, SECOND])
OBSERVED = Observed(call_id=CALL.id, name="shell", ok=True, content="out")
READ = Observed(call_id=SECOND.id, name="read_file", ok=False, content="none")
UNSEEN: list[Event] = [
    ToolCalled(call=CALL),
    SnapshotTaken(tree="t"),
    Warned(message="w"),
    Ended(status="submitted"),
    TestsRan(phase="after", command="c", exit_code=0, passed=True, ended="exited", seconds=0.1, output=""),
    ModelReplied(content="an aside", purpose="repair"),
]


def test_native_calls_and_results_are_messages_of_their_own() -> None:
    transcript = Transcript.of([BEGAN, REPLIED, OBSERVED, READ, UserSaid(content="go on")])
    assert transcript.messages == [
        SYSTEM,
        ISSUE,
        {
            "role": "assistant",
            "content": "So:",
            "tool_calls": [
                {"id": CALL.id, "type": "function", "function": {"name": "shell", "arguments": CALL.arguments}},
                {"id": SECOND.id, "type": "function", "function": {"name": "read_file", "arguments": SECOND.arguments}},
            ],
        },
        {"role": "tool", "tool_call_id": CALL.id, "content": "out"},
        {"role": "tool", "tool_call_id": SECOND.id, "content": "none"},
        {"role": "user", "content": "go on"},
    ]


def test_calls_in_text_stay_in_the_text_and_results_come_from_the_user() -> None:
    for mode in ("constrained", "text", "begun"):
        began = PromptBegan.model_validate({"mode": mode, "messages": [SYSTEM]})
        reply = ModelReplied(content='{"name": "shell"}', tool_calls=[CALL], parsed="json")
        assert Transcript.of([began, reply, OBSERVED]).messages == [
            SYSTEM,
            {"role": "assistant", "content": '{"name": "shell"}'},
            {"role": "user", "content": "shell:\nout"},
        ]


def test_what_the_model_is_not_shown_changes_nothing() -> None:
    transcript = Transcript.of([BEGAN, *UNSEEN])
    assert transcript.messages == [SYSTEM, ISSUE]


def test_a_new_prompt_begins_afresh_in_its_own_mode() -> None:
    transcript = Transcript.of([BEGAN, REPLIED, OBSERVED])
    transcript.add(PromptBegan(mode="constrained", messages=[SYSTEM]))
    transcript.add(OBSERVED)
    assert transcript.messages == [SYSTEM, {"role": "user", "content": "shell:\nout"}]


def test_growing_leaves_the_event_that_began_it_alone() -> None:
    began = PromptBegan(mode="native", messages=[SYSTEM])
    Transcript.of([began, UserSaid(content="x")])
    assert began.messages == [SYSTEM]


GROWING = st.lists(
    st.sampled_from([REPLIED, OBSERVED, READ, UserSaid(content="go on"), ModelReplied(content="prose"), *UNSEEN]), max_size=15
)  # fmt: skip


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(events=GROWING, mode=st.sampled_from(["native", "text", "begun", "constrained"]))
# peers row 27
def test_each_request_is_a_prefix_of_the_next(events: list[Event], mode: str) -> None:
    transcript = Transcript.of([PromptBegan.model_validate({"mode": mode, "messages": [SYSTEM, ISSUE]})])
    sent = json.dumps(transcript.messages)
    for event in events:
        transcript.add(event)
        now = json.dumps(transcript.messages)
        assert now == sent or now.startswith(sent[:-1] + ", ")
        sent = now


# ---------------------------------------------------------------- as text


def test_as_text_writes_calls_as_the_json_they_are_and_results_by_their_tools() -> None:
    said = as_text(Transcript.of([BEGAN, REPLIED, OBSERVED, READ]).messages, json_call)
    assert said == [
        SYSTEM,
        ISSUE,
        {"role": "assistant", "content": '{"name": "shell", "arguments": {"command":  "ls"}}'},
        {"role": "user", "content": "shell:\nout"},
        {"role": "assistant", "content": '{"name": "read_file", "arguments": {"path": "é"}}'},
        {"role": "user", "content": "read_file:\nnone"},
    ]


def test_as_text_leaves_messages_without_calls_as_they_are() -> None:
    messages: list[dict[str, Any]] = [SYSTEM, ISSUE, {"role": "assistant", "content": "prose"}]
    assert as_text(messages, json_call) == messages
    assert as_text(as_text(messages, json_call), json_call) == messages


def test_as_text_takes_a_result_whose_call_is_gone() -> None:
    assert as_text([{"role": "tool", "tool_call_id": "gone", "content": "x"}], json_call) == [
        {"role": "user", "content": "result:\nx"}
    ]


@settings(derandomize=True, deadline=None, database=None, max_examples=50)
@given(events=GROWING)
def test_as_text_has_no_native_calls_and_loses_no_result(events: list[Event]) -> None:
    messages = Transcript.of([BEGAN, *events]).messages
    said = as_text(messages, json_call)
    assert all(set(message) == {"role", "content"} and message["role"] != "tool" for message in said)
    results = [message["content"] for message in messages if message["role"] == "tool"]
    told = [message["content"] for message in said if message["role"] == "user"]
    assert all(any(one.endswith(result) for one in told) for result in results)


@pytest.mark.parametrize("name", DIALECTS)
def test_as_text_writes_calls_so_that_they_can_be_read_again(name: str) -> None:
    calls = [CALL, SECOND]
    tools = {
        call.name: {"type": "object", "properties": {key: {"type": "string"} for key in json.loads(call.arguments)}}
        for call in calls
    }
    events = [BEGAN, ModelReplied(content="So:", tool_calls=calls), OBSERVED, READ]
    said = as_text(Transcript.of(events).messages, DIALECTS[name].write)[2:]
    assert [message["role"] for message in said] == ["assistant", "user", "assistant", "user"]
    found = [parse_text(message["content"], tools).calls for message in said[::2]]
    assert [(one.name, json.loads(one.arguments)) for (one,) in found] == [
        (call.name, json.loads(call.arguments)) for call in calls
    ]


def test_as_text_begins_with_what_was_sent_before() -> None:
    events: list[Event] = [BEGAN, REPLIED, OBSERVED, READ, UserSaid(content="go on"), ModelReplied(content="prose")]
    shorter = as_text(Transcript.of(events[:3]).messages, json_call)
    assert as_text(Transcript.of(events).messages, json_call)[: len(shorter)] == shorter
