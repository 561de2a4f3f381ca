"""A request is asked again where that can help, and its reply looked at before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio
import pytest
from asking import HI, ask, without_waiting
from doubles import Double, GenericDouble, LlamaCppDouble
from doubles.faults import HTML, Cut, Endless, ErrorInStream, Fault, Silent, Status
from tenacity import AsyncRetrying

from agent.errors import BackendRefused, BackendUnreachable, ContextOverflow, ReplyUnparsable
from agent.model import client as client_module
from agent.model.client import MAX_RESAMPLES, ModelClient
from agent.model.http import open_http
from agent.model.servers import open_server
from agent.model.servers.base import Address, Server
from agent.model.types import Request, Sampling

CALLS = {"content": "rm -rf ", "calls": [("shell", '{"command": "rm -rf /"}')]}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[GenericDouble]:
    without_waiting(monkeypatch)
    with GenericDouble() as running:
        yield running  # type: ignore[misc]


# ---------------------------------------------------------------- asking again


@pytest.mark.parametrize(("told", "waited"), [("0", 0), ("7", 7), ("3600", 60)])
def test_a_busy_server_is_asked_again_when_it_says(
    double: GenericDouble, monkeypatch: pytest.MonkeyPatch, told: str, waited: int
) -> None:
    slept: list[float] = []

    async def at_once(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(client_module, "AsyncRetrying", partial(AsyncRetrying, sleep=at_once))
    monkeypatch.setattr(client_module, "wait_exponential_jitter", None)  # its own figure is heeded, not ours
    double.answers = [Status(429, "busy", headers={"Retry-After": told}), "Hello"]
    asked = ask(double)
    assert asked.reply.content == "Hello"
    assert len(double.requests) == 2
    assert asked.retries == [f"the model server answered 429: busy; trying again in {waited} s"]
    assert slept == [waited]


# peers row 8; case 21
def test_what_may_be_gone_next_time_is_tried_again(double: GenericDouble) -> None:
    statuses = [408, 409, 425, 429, 500, 502, 503, 504]
    for status in statuses:
        double.answers += [Status(status, "oops"), Status(status, "again"), "Hello"]
    asked = ask(double, *[Request(HI, 100)] * len(statuses))
    assert [reply.content for reply in asked.replies] == ["Hello"] * len(statuses)
    told = [retry.split(";")[0] for retry in asked.retries]
    assert told == [f"the model server answered {status}: {why}" for status in statuses for why in ("oops", "again")]
    assert len(double.requests) == 3 * len(statuses)
    assert all(body == double.requests[0] for body in double.requests)


def test_a_server_that_stays_broken_is_given_up(double: GenericDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.0)
    double.answers = [HTML]
    with pytest.raises(BackendRefused) as caught:
        ask(double)
    assert caught.value.status == 502 and caught.value.exit_code == 3
    assert len(double.requests) == 1


@pytest.mark.parametrize("how", ["cut", "closed", "reset"])
def test_a_reply_that_breaks_off_is_asked_for_again_and_never_given(double: GenericDouble, how: str) -> None:
    double.answers = [Cut(CALLS, 4, how), "Hello"]
    asked = ask(double)
    assert (asked.reply.content, asked.reply.calls) == ("Hello", ())
    assert len(double.requests) == 2 and len(asked.retries) == 1


def test_a_reply_that_always_breaks_off_is_an_error(double: GenericDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.0)
    double.answers = [Cut("half of it", 2)]
    with pytest.raises(BackendUnreachable):
        ask(double)


def test_a_stream_that_ends_whole_without_the_last_mark_is_a_reply(double: GenericDouble) -> None:
    double.answers = [Cut("all", 3, "closed")]  # the role, the text, the reason it finished
    asked = ask(double)
    assert asked.reply.content == "all"
    assert len(double.requests) == 1 and asked.retries == []


def test_nothing_listening_is_unreachable(double: GenericDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.0)

    async def body() -> None:
        server = await open_server(double.base_url)
        double.stop()
        try:
            await ModelClient(server).complete(Request([], 10))
        finally:
            await server.close()

    with pytest.raises(BackendUnreachable) as caught:
        anyio.run(body)
    assert double.base_url in caught.value.message and "--base-url" in caught.value.hint


def test_a_server_that_comes_back_is_used_again(double: GenericDouble) -> None:
    double.answers = ["Hello"]
    told: list[str] = []

    def heard(retry: str) -> None:
        told.append(retry)
        if len(told) == 2:
            double.start()

    async def body() -> str:
        server = await open_server(double.base_url)
        double.stop()
        try:
            return (await ModelClient(server).complete(Request(HI, 10), on_retry=heard)).content
        finally:
            await server.close()

    assert anyio.run(body) == "Hello"
    assert len(told) >= 2 and all("can't be reached" in each for each in told)


def idle_server(double: Double, seconds: float) -> Server:
    """A server whose client waits only so long for a byte."""
    return Server(Address(double.base_url, open_http(double.base_url, read_seconds=seconds)), "scripted")


def test_a_server_that_stays_silent_is_given_up_the_second_time(double: GenericDouble) -> None:
    silent = Silent("never said")
    double.answers = [silent]
    told: list[str] = []

    async def body() -> None:
        server = idle_server(double, 1.0)
        try:
            await ModelClient(server).complete(Request(HI, 10), on_retry=told.append)
        finally:
            silent.release.set()
            await server.close()

    with pytest.raises(BackendUnreachable, match="sends nothing"):
        anyio.run(body)
    assert len(double.requests) == client_module.MAX_IDLE_TIMEOUTS == 2
    assert len(told) == 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "API key"), (403, "API key"), (404, "--model"), (400, ""), (501, "")]
)
# peers row 8
def test_a_refusal_is_told_at_once(double: GenericDouble, status: int, hint: str) -> None:
    double.answers = [Status(status, "no such thing")]
    with pytest.raises(BackendRefused) as caught:
        ask(double)
    assert caught.value.status == status and hint in caught.value.hint
    assert caught.value.message == f"the model server answered {status}: no such thing"
    assert len(double.requests) == 1


def test_a_request_longer_than_the_window_is_told_as_such_at_once() -> None:
    with LlamaCppDouble("never said", window=4096) as double:
        with pytest.raises(ContextOverflow) as caught:
            ask(double, Request([{"role": "user", "content": "word " * 5000}], 10))
        assert caught.value.window == 4096
        assert double.requests == []
        assert sum(seen.path == "/v1/chat/completions" for seen in double.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [Status(500, "Failed to parse input at pos 12: <tool_call>"), ErrorInStream("Failed to parse input at pos 5")],
)
def test_a_reply_the_server_can_not_parse_is_told_as_such(double: GenericDouble, answer: Fault) -> None:
    double.answers = [answer]
    with pytest.raises(ReplyUnparsable):
        ask(double)
    assert len(double.requests) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_sampling_that_is_not_known_is_left_out_from_then_on(double: GenericDouble, status: int) -> None:
    double.answers = [Status(status, "unknown fields top_k, min_p and repeat_penalty"), "Hello"]
    request = Request([], 10, sampling=Sampling(temperature=0.1, top_k=20, min_p=0.05, repeat_penalty=1.1))
    asked = ask(double, request, request)
    assert asked.reply.content == "Hello" and asked.retries == []
    first, *later = double.requests
    assert first["top_k"] == 20 and len(later) == 2
    for body in later:
        assert not {"top_k", "min_p", "repeat_penalty"} & set(body) and body["temperature"] == 0.1


@pytest.mark.parametrize("status", [400, 422])
def test_sampling_that_is_refused_one_name_at_a_time_is_left_out_too(double: GenericDouble, status: int) -> None:
    double.strict, double.strict_status = True, status  # type: ignore[misc]
    double.answers = ["Hello"]
    request = Request(HI, 10, sampling=Sampling(temperature=0.1, top_k=20, min_p=0.05, repeat_penalty=1.1))
    asked = ask(double, request, request)
    assert [reply.content for reply in asked.replies] == ["Hello", "Hello"]
    assert all(not {"top_k", "min_p", "repeat_penalty"} & set(body) for body in double.requests)


def test_sampling_that_is_refused_without_reason_is_no_endless_question(double: GenericDouble) -> None:
    double.answers = [Status(400, "top_k is not allowed")]
    with pytest.raises(BackendRefused):
        ask(double, Request([], 10, sampling=Sampling(top_k=20)))
    assert len(double.requests) == 2


# ---------------------------------------------------------------- empty and endless replies


SAMPLED = Sampling(temperature=0.2, top_p=0.8, top_k=20, min_p=0.05, repeat_penalty=1.05, seed=7)


def drawn(body: dict[str, Any]) -> tuple[Any, ...]:
    """How a request's reply was drawn."""
    return body.get("seed"), body.get("temperature"), body.get("repeat_penalty")


def test_an_endless_reply_is_cut_while_it_streams_and_asked_for_again_otherwise(double: GenericDouble) -> None:
    endless = [Endless(), Endless("ha! ")]
    double.answers = [*endless, "Hello"]
    asked = ask(double, Request(HI, 100_000, sampling=SAMPLED))
    assert all(each.stopped.wait(30) for each in endless)  # the client hung up, so the server stopped
    assert asked.reply.content == "Hello" and asked.reply.finish_reason == "stop"
    assert asked.retries == ["the reply repeats itself without end; asking again"] * 2
    first, second, third = (drawn(body) for body in double.requests)
    assert first == (7, 0.2, 1.05)
    assert len({seed for seed, _, _ in (first, second, third)}) == 3
    assert 0.2 < second[1] < third[1] <= 2
    assert second[2] >= 1.1 and third[2] >= 1.1
    same = [{**body, "seed": 0, "temperature": 0, "repeat_penalty": 0} for body in double.requests]
    assert same[0] == same[1] == same[2]  # nothing else of the request changed


def test_endless_arguments_and_thoughts_are_cut_too(double: GenericDouble) -> None:
    double.piece = 50
    for answer in ({"calls": [("shell", '{"command": "' + "ls; " * 20_000)]}, {"reasoning": "hm, " * 20_000}):
        double.requests.clear()
        double.answers = [answer, "Hello"]
        asked = ask(double)
        assert asked.reply.content == "Hello"
        assert asked.retries == ["the reply repeats itself without end; asking again"]


def test_a_reply_that_stays_endless_is_given_as_cut(double: GenericDouble) -> None:
    double.answers = [Endless()]
    asked = ask(double, Request(HI, 100_000, sampling=SAMPLED))
    assert asked.reply.finish_reason == "repetition"
    assert len(asked.reply.content) < 10_000
    assert len(double.requests) == MAX_RESAMPLES + 1 == 3


@pytest.mark.parametrize("empty", ["", " \n\t", {"content": ""}])
def test_an_empty_reply_is_asked_for_again_twice_at_most(double: GenericDouble, empty: Any) -> None:
    double.answers = [empty]
    asked = ask(double, Request(HI, 100, sampling=SAMPLED))
    assert asked.reply.content.strip() == ""
    assert len(double.requests) == 3
    assert asked.retries == ["the reply is empty; asking again"] * 2
    drawings = [drawn(body) for body in double.requests]
    assert len({seed for seed, _, _ in drawings}) == 3
    assert {(temperature, penalty) for _, temperature, penalty in drawings} == {(0.2, 1.05)}


def test_an_empty_reply_is_followed_by_a_whole_one(double: GenericDouble) -> None:
    double.answers = ["", "Hello"]
    asked = ask(double)
    assert asked.reply.content == "Hello" and len(double.requests) == 2
    assert double.requests[0] == double.requests[1]  # no seed was given, so none is made up


def test_a_begun_reply_that_goes_no_further_is_empty(double: GenericDouble) -> None:
    double.answers = ["", '{"name": 1}']
    asked = ask(double, Request(HI, 100, begun="```json\n"))
    assert asked.reply.content == '```json\n{"name": 1}'
    assert len(asked.retries) == 1


@pytest.mark.parametrize("answer", [{"calls": [("run_tests", "")]}, {"reasoning": "hm"}, "0"], ids=repr)
def test_a_call_or_a_thought_is_not_empty(double: GenericDouble, answer: Any) -> None:
    double.answers = [answer]
    asked = ask(double)
    assert len(double.requests) == 1 and asked.retries == []
