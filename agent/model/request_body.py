"""The JSON bodies of requests, each message serialised once.

A prompt only grows, and the server's cache holds as long as its bytes stay the same: a message that was sent is never
rendered again.
"""

from __future__ import annotations

import json
from itertools import takewhile
from operator import is_
from typing import Any


class BodyWriter:
    """Serialises the bodies of a session's requests, most of which extend the one before.

    A message must not be changed once it was sent: the same object at the same index is taken to have the same bytes.
    """

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._serialized: list[bytes] = []

    def write(self, body: dict[str, Any]) -> bytes:
        """The body as UTF-8 JSON: `messages` last, the fields under `extra_body` on the top level.

        Two bodies that differ only in added messages are the same bytes up to the end of the shorter one's messages.
        """
        rest = {name: value for name, value in body.items() if name not in {"messages", "extra_body"}}
        head = dumps(rest | body.get("extra_body", {}))
        return b'%s,"messages":[%s]}' % (head[:-1], b",".join(self._serialize(body["messages"])))

    def _serialize(self, messages: list[dict[str, Any]]) -> list[bytes]:
        unchanged = sum(takewhile(bool, map(is_, self._messages, messages)))
        self._serialized[unchanged:] = map(dumps, messages[unchanged:])
        self._messages = list(messages)
        return self._serialized


def dumps(value: Any) -> bytes:
    """JSON as UTF-8, half a surrogate pair, which has no bytes, as a question mark. Raises `ValueError` for NaN."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
