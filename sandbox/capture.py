"""Collecting a command's output within a bound."""

from __future__ import annotations

from collections import deque

from sandbox.protocol import Output


class Capture:
    """Collects the first and the last bytes of a stream: `limit` bytes, half of them from each end."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit // 2
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append the next bytes."""
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) >= self._tail_limit:
            gone = self._tail.popleft()
            self._tail_size -= len(gone)
            self._dropped += len(gone)

    def output(self) -> Output:
        """What was collected so far."""
        tail = b"".join(self._tail)
        surplus = max(0, len(tail) - self._tail_limit)
        dropped = self._dropped + surplus
        if dropped:
            return Output(bytes(self._head), tail[surplus:], dropped)
        return Output(bytes(self._head) + tail)
