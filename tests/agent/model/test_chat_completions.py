"""Chat completions: what is sent, and the pieces of a stream put together again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from asking import ReceivedReplies, ask, without_waiting
from doubles import GenericDouble, LlamaCppDouble
from doubles.faults import ErrorInStream, Fault, Raw
from doubles.openai import event

from agent.model.types import Request, Sampling, Timings, Usage


@dataclass
class Chunks(Fault):
    """A stream of given chunks and no others, ended as it should be."""

    chunks: list[dict[str, Any]]

    def happen(self, double: Any, exchange: Any, body: dict[str, Any]) -> None:
        """Send them."""
        exchange.begin(double.kind(body))
        for chunk in self.chunks:
            exchange.write(event({"id": "x", "object": "chat.completion.chunk", **chunk}))
        exchange.write(b"data: [DONE]\n\n")
        exchange.end()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


USAGE = {
    "choices": [],
    "usage": {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40}},
}
STOP = delta("stop")


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[GenericDouble]:
    without_waiting(monkeypatch)
    with GenericDouble() as running:
        yield running  # type: ignore[misc]


def told(double: GenericDouble, *chunks: dict[str, Any]) -> ReceivedReplies:
    """What comes of a stream of chunks."""
    double.answers = [Chunks(list(chunks))]
    return ask(double)


# ---------------------------------------------------------------- what is sent


def test_the_request_says_what_was_asked(double: GenericDouble) -> None:
    double.answers = ["hello"]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=20, min_p=0.0, repeat_penalty=1.05, seed=7)
    messages = [{"role": "user", "content": "é"}]
    ask(double, Request(messages, 99, tools, {"type": "object"}, sampling=sampling), api_key="key")
    (body,) = double.requests
    assert body == {
        "model": "scripted", "messages": messages, "stream": True, "stream_options": {"include_usage": True},
        "max_tokens": 99, "tools": tools, "temperature": 0.5, "top_p": 0.9, "top_k": 20, "min_p": 0.0,
        "repeat_penalty": 1.05, "seed": 7,
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": {"type": "object"}}
        },
    }  # fmt: skip
    assert double.seen[-1].headers["authorization"] == "Bearer key"


def test_what_was_not_asked_for_is_left_out(double: GenericDouble) -> None:
    double.answers = ["hello"]
    ask(double)
    assert set(double.requests[0]) == {"model", "messages", "stream", "stream_options", "max_tokens"}


def test_llama_cpp_is_asked_for_its_cache_and_its_progress() -> None:
    with LlamaCppDouble("hello") as double:
        ask(double)
        assert double.requests[0]["cache_prompt"] is True
        assert double.requests[0]["return_progress"] is True


def test_a_begun_reply_is_sent_as_the_assistants_and_given_whole(double: GenericDouble) -> None:
    double.answers = ['{"name": 1}\n```']
    messages = [{"role": "user", "content": "hi"}]
    asked = ask(double, Request(messages, 9, begun="```json\n"))
    body = double.requests[0]
    assert body["messages"] == [*messages, {"role": "assistant", "content": "```json\n"}]
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert asked.reply.content == '```json\n{"name": 1}\n```'
    assert messages == [{"role": "user", "content": "hi"}]


def test_what_the_environment_says_of_openai_is_not_sent_to_another_server(
    double: GenericDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", "theirs")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: theirs\nX-Gateway: theirs")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    double.answers = ["hello"]
    ask(double)
    ask(double, api_key="key")
    sent = [seen.headers for seen in double.seen if seen.method == "POST"]
    assert [headers.get("authorization") for headers in sent] == [None, "Bearer key"]
    assert "theirs" not in str(sent)
    described = {name for headers in sent for name in headers if name.startswith(("x-", "openai-"))}
    assert described == set()  # nor is this machine described


def test_the_bytes_are_sent_as_they_were_written(double: GenericDouble) -> None:
    double.answers = ["hello"]
    messages = [{"role": "user", "content": "é \u2028 \ud83d"}]
    ask(double, Request(messages, 99))
    assert double.seen[-1].raw.endswith('"messages":[{"role":"user","content":"é \u2028 ?"}]}'.encode())


# ---------------------------------------------------------------- text


def test_content_is_streamed_and_gathered(double: GenericDouble) -> None:
    asked = told(double, delta(role="assistant", content="Hel"), delta(content="lo"), STOP, USAGE)
    assert asked.text == ["Hel", "lo"]
    assert (asked.reply.content, asked.reply.finish_reason, asked.reply.calls) == ("Hello", "stop", ())
    assert asked.reply.usage == Usage(prompt_tokens=50, cached_tokens=40, completion_tokens=7)
    assert asked.reply.seconds > 0 and asked.retries == []


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart(double: GenericDouble, name: str) -> None:
    asked = told(double, delta(**{name: "I "}), delta(**{name: "think"}), delta(content="so"), STOP)
    assert (asked.reply.reasoning, asked.reply.content, asked.text) == ("I think", "so", ["so"])


def test_a_character_in_two_chunks_is_joined_and_half_of_one_replaced(double: GenericDouble) -> None:
    asked = told(double, delta(content="\ud83e"), delta(content="\udd89 \ud83e"), STOP)
    assert asked.reply.content == "\U0001f989 \ufffd"


def test_a_server_that_gives_no_usage_is_taken_as_it_is(double: GenericDouble) -> None:
    reply = told(double, delta(content="x"), STOP).reply
    assert (reply.usage, reply.timings) == (Usage(), None)


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        ({"prompt_n": 10, "prompt_ms": 500.0, "predicted_n": 4, "predicted_ms": 2000}, Timings(10, 0.5, 4, 2.0)),
        ({"prompt_n": 10}, None),
        ({"prompt_n": "many", "prompt_ms": 1, "predicted_n": 1, "predicted_ms": 1}, None),
        ({"prompt_n": 1, "prompt_ms": None, "predicted_n": 1, "predicted_ms": 1}, None),
        ([], None),
    ],
)
def test_the_servers_own_timings_are_kept(double: GenericDouble, given_: Any, read: Timings | None) -> None:
    assert told(double, delta(content="x"), STOP, {**USAGE, "timings": given_}).reply.timings == read


def test_usage_with_holes_is_nothing_worse(double: GenericDouble) -> None:
    holes = {"prompt_tokens": None, "completion_tokens": 3, "total_tokens": None, "prompt_tokens_details": None}
    reply = told(double, delta(content="x"), STOP, {"choices": [], "usage": holes}).reply
    assert reply.usage == Usage(completion_tokens=3)


def test_chunks_with_nothing_in_them_are_nothing(double: GenericDouble) -> None:
    nothing = {"choices": [{"index": 0, "delta": None, "finish_reason": None}]}
    asked = told(double, {"choices": []}, nothing, {"choices": None}, delta(content="x"), delta(), nothing, STOP)
    assert (asked.reply.content, asked.retries) == ("x", [])


@pytest.mark.parametrize(
    "progress", [{}, {"processed": None, "total": "x", "time_ms": None}, [], "half", {"time_ms": [1]}]
)
def test_progress_in_another_form_does_no_harm(double: GenericDouble, progress: Any) -> None:
    asked = told(double, {**delta(role="assistant"), "prompt_progress": progress}, delta(content="x"), STOP)
    assert asked.reply.content == "x"


def test_llama_cpp_tells_how_much_of_the_prompt_it_has_read() -> None:
    with LlamaCppDouble("hello") as double:
        asked = ask(double)
        total = double.prompt_tokens(double.requests[0])
    assert [(wait.done, wait.total) for wait in asked.waits] == [(0, total), (total // 2, total), (total, total)]
    assert asked.waits[-1].seconds == pytest.approx(total * 2 / 1e3)


# ---------------------------------------------------------------- a reply that does not stream


def test_a_json_answer_to_a_streamed_request_is_read(double: GenericDouble) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "shell", "arguments": {"command": "ls"}}}
    message = {"role": "assistant", "content": "So:", "reasoning_content": "hm", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    double.answers = [Raw(json.dumps({"choices": [choice], "usage": USAGE["usage"]}).encode())]
    asked = ask(double)
    reply = asked.reply
    assert asked.text == ["So:"]
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("So:", "hm", "tool_calls")
    assert [(call.name, json.loads(call.arguments)) for call in reply.calls] == [("shell", {"command": "ls"})]
    assert reply.usage == Usage(prompt_tokens=50, cached_tokens=40, completion_tokens=7)
    assert len(double.requests) == 1


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"error": {"message": "no slot"}}, {"choices": [{}]}, []])
def test_a_json_answer_without_a_reply_is_tried_again(double: GenericDouble, body: Any) -> None:
    double.answers = [Raw(json.dumps(body).encode()), "Hello"]
    assert ask(double).reply.content == "Hello"
    assert len(double.requests) == 2


@pytest.mark.parametrize(
    "call",
    [{}, None, {"function": None}, {"function": {"arguments": "{}"}}, {"function": {"name": None}}, "shell", []],
    ids=repr,
)
def test_a_json_answer_whose_calls_are_none_does_no_harm(double: GenericDouble, call: Any) -> None:
    message = {"role": "assistant", "content": "So:", "tool_calls": [call]}
    double.answers = [Raw(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()), "Hello"]
    reply = ask(double).reply
    assert reply.content in {"So:", "Hello"} and reply.calls == ()


# ---------------------------------------------------------------- the stream's end


@dataclass
class Ended(Fault):
    """Given bytes of a stream, after which it ends."""

    data: bytes

    def happen(self, double: Any, exchange: Any, body: dict[str, Any]) -> None:
        """Send them."""
        exchange.begin(double.kind(body))
        exchange.write(self.data)
        exchange.end()


TEXT = event(delta(content="all"))


@pytest.mark.parametrize(
    "end",
    [
        b"data: [DONE]\n\n",
        b"",
        b"data: [DONE]",  # servers that leave out the last blank line
        event(USAGE).rstrip(b"\n"),
        b"data: [DONE]\n\ndata: {nonsense\n\n",
    ],
    ids=["[DONE]", "nothing", "[DONE] without a blank line", "usage without one", "more after [DONE]"],
)
def test_a_reply_is_whole_once_its_finish_reason_came(double: GenericDouble, end: bytes) -> None:
    double.answers = [Ended(TEXT + event(STOP) + end), "Hello"]
    asked = ask(double)
    assert (asked.reply.content, asked.reply.finish_reason, asked.retries) == ("all", "stop", [])


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT + b"data: [DONE]\n\n",
        TEXT + event(STOP).rstrip(b"\n"),  # may have been cut there
        TEXT + b"data: {nonsense\n\n" + event(STOP),
        TEXT + b"data: [1]\n\n" + event(STOP),
        TEXT + b"data: \xff\n\n" + event(STOP),
    ],
    ids=["no end", "[DONE] alone", "no blank line", "no JSON", "no object", "no UTF-8"],
)
def test_a_stream_without_its_end_is_tried_again(double: GenericDouble, data: bytes) -> None:
    double.answers = [Ended(data), "Hello"]
    asked = ask(double)
    assert asked.reply.content == "Hello" and len(asked.retries) == 1


def test_events_are_read_as_the_standard_has_them(double: GenericDouble) -> None:
    """Source: WHATWG HTML, "Server-sent events"."""
    double.answers = [Ended(
        b": ping\n\n\nevent: message\n" + 'data: {"choices":[{"delta":{"content":"é \u2028 \x85"}}]}\n\n'.encode()
        + b'data:{"choices":[{"delta":\r\ndata: {"content":"!"}}]}\r\n\r\n\n' + event(STOP)
    )]  # fmt: skip
    assert ask(double).reply.content == "é \u2028 \x85!"


# ---------------------------------------------------------------- errors under way


def test_an_error_inside_the_stream_is_tried_again(double: GenericDouble) -> None:
    double.answers = [ErrorInStream("slot lost"), "Hello"]
    asked = ask(double)
    assert asked.reply.content == "Hello"
    assert "slot lost" in asked.retries[0]


@pytest.mark.parametrize("error", ["slot lost", {"message": "slot lost"}, {"code": 500}, ["slot lost"]], ids=repr)
def test_an_error_inside_the_stream_may_have_any_form(double: GenericDouble, error: Any) -> None:
    double.answers = [Ended(TEXT + event({"error": error})), "Hello"]
    asked = ask(double)
    assert asked.reply.content == "Hello" and len(asked.retries) == 1
    assert "inside its reply" in asked.retries[0]


def test_a_body_that_is_no_json_is_tried_again(double: GenericDouble) -> None:
    double.answers = [Raw(b"<html>starting</html>"), "Hello"]
    assert ask(double).reply.content == "Hello"
