"""Small requests: one retry for a lost connection, none for anything else, and an end to waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from doubles import GenericDouble
from doubles.base import Double
from doubles.faults import Cut, Silent, Status

from agent.doctor import probe_client
from agent.doctor.probe_client import ProbeClient, TimedReply
from agent.errors import BackendError, BackendRefused, BackendUnreachable
from agent.model.servers import open_server
from agent.model.types import Request

HI = Request([{"role": "user", "content": "hi"}], max_tokens=20)


def send(double: Double, times: int = 1) -> list[TimedReply | BackendError]:
    """What each of some equal requests came to."""

    async def run() -> list[TimedReply | BackendError]:
        server = await open_server(double.base_url)
        client, results = ProbeClient(server), list[TimedReply | BackendError]()
        try:
            for _ in range(times):
                try:
                    results.append(await client.send(HI))
                except BackendError as error:
                    results.append(error)
        finally:
            await server.close()
        return results

    return anyio.run(run)


def first(fault: Any) -> Callable[[dict[str, Any]], Any]:
    """A model whose first reply is a fault."""
    replies = iter([fault])
    return lambda _: next(replies, "hello")


def test_a_reply_comes_with_the_wait_for_its_first_text() -> None:
    with GenericDouble("hello") as double:
        (timed,) = send(double)
    assert isinstance(timed, TimedReply)
    assert timed.reply.content == "hello"
    assert timed.first_text_seconds is not None
    assert 0 <= timed.first_text_seconds <= timed.reply.seconds


def test_a_lost_connection_is_retried_once() -> None:
    with GenericDouble(first(Cut("hello", 0))) as double:
        (timed,) = send(double)
        assert len(double.requests) == 2
    assert isinstance(timed, TimedReply)
    with GenericDouble(lambda _: Cut("hello", 0)) as double:
        (error,) = send(double)
        assert len(double.requests) == 2
    assert isinstance(error, BackendUnreachable)


@pytest.mark.parametrize("status", [400, 429, 503])
def test_an_answer_that_is_an_error_is_not_retried(status: int) -> None:
    with GenericDouble(first(Status(status))) as double:
        refused, timed = send(double, 2)
        assert len(double.requests) == 2
    assert isinstance(refused, BackendRefused)
    assert refused.status == status
    assert isinstance(timed, TimedReply)


def test_after_a_timeout_nothing_more_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_client, "REQUEST_SECONDS", 0.2)
    with GenericDouble(first(Silent())) as double:
        results = send(double, 2)
        assert len(double.requests) <= 1  # 0 where the machine was too busy to send it in time
    for error in results:
        assert isinstance(error, BackendUnreachable)
        assert "20 tokens" in error.message
