"""One request against a real server on loopback that streams, stumbles, breaks off and refuses."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest

from agent.errors import BackendRefused, BackendUnreachable, ContextOverflow, ReplyUnparsable
from agent.model import client as client_module
from agent.model.client import ModelClient, open_client
from agent.model.types import Reply, Request, Sampling, Usage

Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Gives its answers in order, the last one again and again; keeps the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        answers = self.server.answers
        answers[min(len(self.server.bodies), len(answers)) - 1](self)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""

    def head(self, kind: str, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def tool(index: int | None = None, name: str | None = None, arguments: str | None = None) -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    return delta(tool_calls=[piece if index is None else {"index": index, **piece}])


USAGE = {
    "choices": [],
    "usage": {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40}},
}
STOP = delta("stop")


def stream(*chunks: dict[str, Any], end: str = "whole") -> Answer:
    """Server-sent events. `end`: `whole`; `cut`, the connection breaks; `closed`, it ends as if that were all."""

    def answer(handler: Handler) -> None:
        chunked = {"Transfer-Encoding": "chunked"} if end != "closed" else {"Connection": "close"}
        handler.head("text/event-stream; charset=utf-8", **chunked)
        events = [json.dumps({"id": "x", "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
        for event in [*events, *(["[DONE]"] if end == "whole" else [])]:
            data = f"data: {event}\n\n".encode()
            if end == "closed":
                handler.wfile.write(data)
            else:
                handler.chunk(data)
        if end == "whole":
            handler.chunk(b"")
        else:
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_WR)
            handler.close_connection = True

    return answer


def document(data: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON document (or other text)."""

    def answer(handler: Handler) -> None:
        body = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def error(status: int, message: str, **more: Any) -> Answer:
    return document({"error": {"message": message, "code": status, **more}}, status)


HELLO = stream(delta(role="assistant", content="Hel"), delta(content="lo"), STOP, USAGE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(client_module, "wait_exponential_jitter", lambda **_: lambda _: 0.0)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 1.0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Asked:
    """What came of a request."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.text: list[str] = []
        self.retries: list[str] = []


def ask(server: Server, request: Request | None = None, *, times: int = 1, **extra: Any) -> Asked:
    """Send a request (`times` over, with one client); the last reply, the text as it came, what was said of retries."""
    request = request or Request([{"role": "user", "content": "hi"}], max_tokens=100)
    asked = Asked()

    async def body() -> None:
        sdk = open_client(f"http://127.0.0.1:{server.server_port}/v1", "key")
        try:
            client = ModelClient(sdk, "some-model", extra=extra)
            for _ in range(times):
                asked.reply = await client.complete(request, asked.text.append, asked.retries.append)
        finally:
            await sdk.close()

    anyio.run(body)
    return asked


# ---------------------------------------------------------------- replies


def test_content_is_streamed_and_gathered(server: Server) -> None:
    server.answers = [HELLO]
    asked = ask(server)
    assert asked.text == ["Hel", "lo"]
    assert asked.reply is not None
    assert (asked.reply.content, asked.reply.finish_reason, asked.reply.calls) == ("Hello", "stop", ())
    assert asked.reply.usage == Usage(prompt_tokens=50, cached_tokens=40, completion_tokens=7)
    assert asked.reply.seconds > 0 and asked.retries == []


def test_the_request_says_what_was_asked(server: Server) -> None:
    server.answers = [HELLO]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=20, min_p=0.0, repeat_penalty=1.05, seed=7)
    messages = [{"role": "user", "content": "é"}]
    ask(server, Request(messages, 99, tools, {"type": "object"}, sampling), cache_prompt=True)
    (body,) = server.bodies
    assert body == {
        "model": "some-model", "messages": messages, "stream": True, "stream_options": {"include_usage": True},
        "max_tokens": 99, "tools": tools, "temperature": 0.5, "top_p": 0.9, "top_k": 20, "min_p": 0.0,
        "repeat_penalty": 1.05, "seed": 7, "cache_prompt": True,
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": {"type": "object"}}
        },
    }  # fmt: skip
    assert server.headers[0]["authorization"] == "Bearer key"


def test_what_was_not_asked_for_is_left_out(server: Server) -> None:
    server.answers = [HELLO]
    ask(server)
    assert set(server.bodies[0]) == {"model", "messages", "stream", "stream_options", "max_tokens"}


def test_native_calls_are_put_together_from_pieces(server: Server) -> None:
    server.answers = [
        stream(
            delta(role="assistant", content=None),
            tool(0, "shell", ""),
            tool(0, None, '{"com'),
            tool(1, "submit", '{"summary":'),
            tool(0, None, 'mand": "ls"}'),
            tool(1, None, ' "é"}'),
            delta("tool_calls"),
        )
    ]
    reply = ask(server).reply
    assert reply is not None
    assert [(call.name, call.arguments) for call in reply.calls] == [
        ("shell", '{"command": "ls"}'),
        ("submit", '{"summary": "é"}'),
    ]
    assert (reply.content, reply.finish_reason) == ("", "tool_calls")
    assert len({call.id for call in reply.calls}) == 2


def test_without_an_index_a_name_begins_a_call(server: Server) -> None:
    server.answers = [
        stream(tool(None, "a", '{"x"'), tool(None, None, ": 1}"), tool(None, "b", "{}"), delta("tool_calls"))
    ]
    reply = ask(server).reply
    assert reply is not None
    assert [(call.name, call.arguments) for call in reply.calls] == [("a", '{"x": 1}'), ("b", "{}")]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart(server: Server, name: str) -> None:
    server.answers = [stream(delta(**{name: "I "}), delta(**{name: "think"}), delta(content="so"), STOP)]
    asked = ask(server)
    assert asked.reply is not None
    assert (asked.reply.reasoning, asked.reply.content, asked.text) == ("I think", "so", ["so"])


def test_a_character_in_two_chunks_is_joined_and_half_of_one_replaced(server: Server) -> None:
    server.answers = [stream(delta(content="\ud83e"), delta(content="\udd89 \ud83e"), STOP)]
    reply = ask(server).reply
    assert reply is not None and reply.content == "\U0001f989 \ufffd"


def test_a_server_that_gives_no_usage_is_taken_as_it_is(server: Server) -> None:
    server.answers = [stream(delta(content="x"), STOP)]
    reply = ask(server).reply
    assert reply is not None and reply.usage == Usage()


def test_a_json_answer_to_a_streamed_request_is_read(server: Server) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "shell", "arguments": {"command": "ls"}}}
    message = {"role": "assistant", "content": "So:", "reasoning_content": "hm", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    server.answers = [document({"choices": [choice], "usage": USAGE["usage"]})]
    asked = ask(server)
    reply = asked.reply
    assert reply is not None and asked.text == ["So:"]
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("So:", "hm", "tool_calls")
    assert [(call.name, json.loads(call.arguments)) for call in reply.calls] == [("shell", {"command": "ls"})]
    assert reply.usage == Usage(prompt_tokens=50, cached_tokens=40, completion_tokens=7)
    assert len(server.bodies) == 1


# ---------------------------------------------------------------- asking again


def test_a_busy_server_is_asked_again_when_it_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "wait_exponential_jitter", None)  # its own figure is heeded, not ours
    server.answers = [document({"error": {"message": "busy"}}, 429, **{"Retry-After": "0"}), HELLO]
    asked = ask(server)
    assert asked.reply is not None and asked.reply.content == "Hello"
    assert len(server.bodies) == 2
    assert asked.retries == ["the model server answered 429: busy; trying again in 0 s"]


def test_what_may_be_gone_next_time_is_tried_again(server: Server) -> None:
    statuses = [408, 409, 425, 500, 502, 503, 504]
    for status in statuses:
        server.answers += [error(status, "oops"), error(status, "again"), HELLO]
    asked = ask(server, times=len(statuses))
    assert asked.reply is not None and asked.reply.content == "Hello"
    told = [retry.split(";")[0] for retry in asked.retries]
    assert told == [f"the model server answered {status}: {why}" for status in statuses for why in ("oops", "again")]
    assert len(server.bodies) == 3 * len(statuses) and all(body == server.bodies[0] for body in server.bodies)


def test_a_server_that_stays_broken_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.0)
    server.answers = [document("<html>bad gateway</html>", 502)]
    with pytest.raises(BackendRefused) as caught:
        ask(server)
    assert caught.value.status == 502 and caught.value.exit_code == 3
    assert len(server.bodies) == 1


@pytest.mark.parametrize("end", ["cut", "closed"])
def test_a_reply_that_breaks_off_is_asked_for_again_and_never_given(server: Server, end: str) -> None:
    server.answers = [stream(delta(content="rm -rf "), tool(0, "shell", '{"comm'), end=end), HELLO]
    asked = ask(server)
    assert asked.reply is not None and (asked.reply.content, asked.reply.calls) == ("Hello", ())
    assert len(server.bodies) == 2 and len(asked.retries) == 1


def test_a_reply_that_always_breaks_off_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.0)
    server.answers = [stream(delta(content="half"), end="cut")]
    with pytest.raises(BackendUnreachable):
        ask(server)


def test_a_stream_that_ends_whole_without_the_last_mark_is_a_reply(server: Server) -> None:
    server.answers = [stream(delta(content="all"), STOP, end="closed")]
    reply = ask(server).reply
    assert reply is not None and reply.content == "all" and len(server.bodies) == 1


def test_an_error_inside_the_stream_is_tried_again(server: Server) -> None:
    server.answers = [stream(delta(content="x"), {"error": {"message": "slot lost", "code": 500}}), HELLO]
    asked = ask(server)
    assert asked.reply is not None and asked.reply.content == "Hello"
    assert "slot lost" in asked.retries[0]


def test_a_body_that_is_no_json_is_tried_again(server: Server) -> None:
    server.answers = [document("<html>starting</html>"), HELLO]
    reply = ask(server).reply
    assert reply is not None and reply.content == "Hello"


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"error": {"message": "no slot"}}, {"choices": [{}]}, []])
def test_a_json_answer_without_a_reply_is_tried_again(server: Server, body: Any) -> None:
    server.answers = [document(body), HELLO]
    reply = ask(server).reply
    assert reply is not None and reply.content == "Hello"


def test_nothing_listening_is_unreachable(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.0)

    async def body() -> None:
        sdk = open_client("http://127.0.0.1:9/v1", "")
        try:
            await ModelClient(sdk, "m").complete(Request([], 10))
        finally:
            await sdk.close()

    with pytest.raises(BackendUnreachable) as caught:
        anyio.run(body)
    assert "http://127.0.0.1:9/v1" in caught.value.message and "--base-url" in caught.value.hint


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "API key"), (403, "API key"), (404, "--model"), (400, ""), (501, "")]
)
def test_a_refusal_is_told_at_once(server: Server, status: int, hint: str) -> None:
    server.answers = [error(status, "no such thing")]
    with pytest.raises(BackendRefused) as caught:
        ask(server)
    assert caught.value.status == status and hint in caught.value.hint
    assert caught.value.message == f"the model server answered {status}: no such thing"
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "window"),
    [
        (error(400, "the request exceeds the available context size", type="exceed_context_size_error", n_ctx=4096), 4096),
        (error(400, "This model's maximum context length is 8192 tokens. However, you requested 9000"), None),
        (document({"object": "error", "message": "maximum context length is 8192 tokens"}, 400), None),
    ],
)  # fmt: skip
def test_a_request_longer_than_the_window_is_told_as_such(server: Server, answer: Answer, window: int | None) -> None:
    server.answers = [answer]
    with pytest.raises(ContextOverflow) as caught:
        ask(server)
    assert caught.value.window == window and len(server.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        error(500, "Failed to parse input at pos 12: <tool_call>"),
        stream(delta(content="<tool"), {"error": {"message": "Failed to parse input at pos 5", "code": 500}}),
    ],
)
def test_a_reply_the_server_can_not_parse_is_told_as_such(server: Server, answer: Answer) -> None:
    server.answers = [answer]
    with pytest.raises(ReplyUnparsable):
        ask(server)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_sampling_that_is_not_known_is_left_out_from_then_on(server: Server, status: int) -> None:
    server.answers = [error(status, "unknown field top_k"), HELLO]
    request = Request([], 10, sampling=Sampling(temperature=0.1, top_k=20, min_p=0.05, repeat_penalty=1.1))
    asked = ask(server, request, times=2)
    assert asked.reply is not None and asked.reply.content == "Hello" and asked.retries == []
    first, *later = server.bodies
    assert first["top_k"] == 20 and len(later) == 2
    for body in later:
        assert not {"top_k", "min_p", "repeat_penalty"} & set(body) and body["temperature"] == 0.1


def test_sampling_that_is_refused_without_reason_is_no_endless_question(server: Server) -> None:
    server.answers = [error(400, "top_k is not allowed")]
    with pytest.raises(BackendRefused):
        ask(server, Request([], 10, sampling=Sampling(top_k=20)))
    assert len(server.bodies) == 2
