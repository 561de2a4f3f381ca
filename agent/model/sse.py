"""What goes over the wire: the bytes of requests, each message written once; the events of streamed replies."""

from __future__ import annotations

import json
from itertools import takewhile
from operator import is_
from typing import Any


class BodyWriter:
    """Writes the JSON bodies of requests, most of which go on where the one before ended.

    A message is never changed once it was sent: the same object at the same place is written as it was.
    """

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._written: list[bytes] = []

    def write(self, body: dict[str, Any]) -> bytes:
        """A body with `model` and the rest first, `messages` last; what is under `extra_body` stands beside them."""
        rest = {name: value for name, value in body.items() if name not in {"messages", "extra_body"}}
        head = dumps(rest | body.get("extra_body", {}))
        return b'%s,"messages":[%s]}' % (head[:-1], b",".join(self._pieces(body["messages"])))

    def _pieces(self, messages: list[dict[str, Any]]) -> list[bytes]:
        same = sum(takewhile(bool, map(is_, self._messages, messages)))
        self._written[same:] = map(dumps, messages[same:])
        self._messages = list(messages)
        return self._written


class EventReader:
    """Takes a stream's bytes as they come and gives the data of each server-sent event, without comments and names.

    Source: WHATWG HTML, "Server-sent events". Lines are split as bytes, since text may hold other line separators.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that end in the next bytes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        found = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif line in {b"", b"\r"} and self._data:
                found.append(b"\n".join(self._data))
                self._data = []
        return found

    def end(self) -> list[bytes]:
        """What is left when the stream is over: some servers leave out the blank line after the last event."""
        return self.feed(b"\n\n")


def dumps(value: Any) -> bytes:
    """JSON as UTF-8. Half a surrogate pair, which has no bytes, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
