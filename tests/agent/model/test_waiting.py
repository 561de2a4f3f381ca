"""While a first token is waited for, that is told; and a wait that ends badly is told as what it was."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio
import pytest
from asking import HI, ask, without_waiting
from doubles import Double, GenericDouble
from doubles.base import Body, Exchange, Reply
from doubles.faults import Fault, Silent, Status

from agent.errors import BackendRefused
from agent.model import client as client_module
from agent.model.client import ModelClient
from agent.model.servers import open_server
from agent.model.types import Request, Waiting


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[GenericDouble]:
    without_waiting(monkeypatch)
    with GenericDouble() as running:
        yield running  # type: ignore[misc]


@dataclass
class Held(Fault):
    """A whole answer, once `release` is set."""

    answer: str
    release: threading.Event = field(default_factory=threading.Event)

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Wait, then answer."""
        exchange.begin(double.kind(body))
        assert self.release.wait(60)
        for piece in double.stream(Reply.of(self.answer), body):
            exchange.write(piece)
        exchange.end()


def happened(double: Double, held: Held, *, waits: int) -> list[str | Waiting]:
    """All that a request told, in order; the answer is let go at so many waits."""
    told: list[str | Waiting] = []

    def waited(waiting: Waiting) -> None:
        told.append(waiting)
        if len(told) == waits:
            held.release.set()

    async def body() -> None:
        server = await open_server(double.base_url)
        try:
            await ModelClient(server).complete(Request(HI, 10), told.append, on_wait=waited)
        finally:
            held.release.set()
            await server.close()

    anyio.run(body)
    return told


def test_a_long_wait_is_told_until_the_first_text_and_no_longer(
    double: GenericDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "WAIT_INTERVAL_SECONDS", 0.001)
    double.piece = 1
    held = Held("words " * 100)
    double.answers = [held]
    told = happened(double, held, waits=3)
    before = list(itertools.takewhile(lambda each: isinstance(each, Waiting), told))
    assert len(before) >= 3
    assert all(isinstance(each, str) for each in told[len(before) :]) and len(told) > 500
    seconds = [each.seconds for each in before if isinstance(each, Waiting)]
    assert seconds == sorted(seconds) and seconds[0] > 0
    assert {(each.done, each.total) for each in before if isinstance(each, Waiting)} == {(None, None)}


def test_a_quick_reply_tells_of_no_wait(double: GenericDouble) -> None:
    double.answers = ["Hello"]
    assert ask(double).waits == []


def test_a_failure_while_waiting_is_told_as_itself(double: GenericDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WAIT_INTERVAL_SECONDS", 0.0)
    double.answers = [Status(404, "no such model")]
    with pytest.raises(BackendRefused):
        ask(double)


def test_a_cancelled_request_lets_go_of_the_server(double: GenericDouble) -> None:
    silent = Silent("some text that is never whole", pieces=3)
    double.answers = [silent]

    async def body() -> bool:
        server = await open_server(double.base_url)
        try:
            with anyio.CancelScope() as scope:
                await ModelClient(server).complete(Request(HI, 10), lambda _: scope.cancel())
        finally:
            silent.release.set()
            await server.close()
        return scope.cancelled_caught

    assert anyio.run(body)
    assert len(double.requests) == 1
