"""What can go wrong with an answer: a fault stands in a double's script where an answer would.

A server that refuses connections is `Double.stop()`, one that loads its model is `Double.loading`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from doubles.base import Body, Double, Exchange, Reply
from doubles.openai import OpenAIDouble, event

_MOST_BYTES = 8_000_000


class Fault:
    """Base: `happen` takes the place of an answer."""

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Answer badly."""
        raise NotImplementedError


def _some(double: Double, answer: Any, body: Body, pieces: int) -> Iterator[bytes]:
    return islice(double.stream(Reply.of(answer), body), pieces)


@dataclass
class Cut(Fault):
    """The stream breaks after some pieces: `cut` the connection closes within the chunks, `closed` it ends as if that
    were all, `reset` it is reset; `mid` breaks within an event rather than between two."""

    answer: Any
    pieces: int = 3
    how: str = "cut"
    mid: bool = False

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Break off."""
        exchange.begin(double.kind(body), chunked=self.how != "closed")
        sent = list(_some(double, self.answer, body, self.pieces))
        if self.mid and sent:
            sent[-1] = sent[-1][: len(sent[-1]) // 2]
        for piece in sent:
            exchange.write(piece)
        exchange.reset() if self.how == "reset" else exchange.hang_up()


@dataclass
class Unfinished(Fault):
    """A stream that ends properly, but without the chunk that says the reply had."""

    answer: Any

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """All but the end."""
        exchange.begin(double.kind(body))
        pieces = list(double.stream(Reply.of(self.answer), body))
        ends = next(at for at, piece in enumerate(pieces) if _is_last(piece))
        for piece in pieces[:ends]:
            exchange.write(piece)
        exchange.end()


def _is_last(piece: bytes) -> bool:
    return b'"done": true' in piece or (b'"finish_reason": "' in piece)


@dataclass
class Silent(Fault):
    """Begins, then says nothing until `release` is set; hangs up then. `begun` is set once it is silent.

    With `pings` it sends that many comments first, which are no text but are signs of life.
    """

    answer: Any = ""
    pieces: int = 2
    pings: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Wait."""
        exchange.begin(double.kind(body))
        for piece in _some(double, self.answer, body, self.pieces):
            exchange.write(piece)
        for _ in range(self.pings):
            exchange.write(b": ping\n\n")
        self.begun.set()
        self.release.wait(600)
        exchange.hang_up()


@dataclass
class Status(Fault):
    """An HTTP error in the server's own form; `headers` like Retry_After."""

    status: int
    message: str = "something is wrong"
    kind: str = "server_error"
    headers: dict[str, str] = field(default_factory=dict)

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Refuse."""
        if self.headers:
            error = {"message": self.message, "type": self.kind, "code": self.status}
            exchange.json({"error": error}, self.status, **self.headers)
        elif body.get("native"):
            exchange.json({"error": self.message}, self.status)
        else:
            double.refuse(exchange, self.status, self.message, self.kind)


@dataclass
class Raw(Fault):
    """Any body at all: HTML of a proxy, JSON that ends in the middle, another document."""

    data: bytes
    kind: str = "application/json"
    status: int = 200

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Send it."""
        exchange.send(self.data, self.status, self.kind)


HTML = Raw(b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html", 502)
HTML_200 = Raw(b"<html><body>Welcome</body></html>", "text/html")
HALF_JSON = Raw(b'{"choices": [{"message": {"content": "rm -r')


@dataclass
class Whole(Fault):
    """A JSON document although a stream was asked for."""

    answer: Any

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Don't stream."""
        exchange.json(double.whole(Reply.of(self.answer), body))


@dataclass
class Pings(Fault):
    """A whole answer with comments between its events, as sent to keep a connection open."""

    answer: Any

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Ping between all pieces."""
        exchange.begin(double.kind(body))
        for piece in double.stream(Reply.of(self.answer), body):
            exchange.write(b":\n\n" + piece + b": ping - 2026-01-31 14:25:01\n\n")
        exchange.end()


@dataclass
class Resplit(Fault):
    """A whole answer whose bytes come in pieces of another size than its events, as networks deliver them."""

    answer: Any
    size: int = 5

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Cut anywhere."""
        exchange.begin(double.kind(body))
        data = b"".join(double.stream(Reply.of(self.answer), body))
        for at in range(0, len(data), self.size):
            exchange.write(data[at : at + self.size])
        exchange.end()


@dataclass
class Endless(Fault):
    """The same words again and again, until the client hangs up (or 8 MB). `stopped` is set when it did."""

    phrase: str = "I will look at the file now.\n"
    stopped: threading.Event = field(default_factory=threading.Event)

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Repeat."""
        exchange.begin(double.kind(body))
        text = json.dumps(self.phrase)[1:-1].encode()
        double.piece = None
        piece = next(each for each in double.stream(Reply(self.phrase), body) if text in each)
        try:
            for _ in range(_MOST_BYTES // len(piece)):
                exchange.write(piece)
        except OSError:
            self.stopped.set()
            raise
        exchange.end()


@dataclass
class Events(Fault):
    """A stream of given deltas: calls split anywhere, with wrong or missing index, id, name. Then `finish`."""

    deltas: list[Body]
    finish: str = "tool_calls"

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Send them as they are."""
        assert isinstance(double, OpenAIDouble)
        exchange.begin(double.kind(body))
        for delta in self.deltas:
            exchange.write(double.delta(**delta))
        exchange.write(double.delta(self.finish))
        for piece in double.closing(Reply("."), body):
            exchange.write(piece)
        exchange.end()


@dataclass
class ErrorInStream(Fault):
    """An error after some of the answer, under the 200 that has been sent."""

    message: str
    answer: Any = "some text"
    pieces: int = 2

    def happen(self, double: Double, exchange: Exchange, body: Body) -> None:
        """Break off with an error."""
        exchange.begin(double.kind(body))
        for piece in _some(double, self.answer, body, self.pieces):
            exchange.write(piece)
        native = double.kind(body) == "application/x-ndjson"
        error: Body = {"error": self.message} if native else {"error": {"message": self.message, "code": 500}}
        exchange.write(json.dumps(error).encode() + b"\n" if native else event(error))
        exchange.end()
