"""Two-way streams of bytes between the host and a sandbox's supervisor."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Protocol

import anyio
import anyio.lowlevel

_CHUNK_BYTES = 1 << 18


def children(pid: int) -> list[int]:
    """The process ids of a process's children; none if it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Channel(Protocol):
    """A two-way stream of bytes to a process."""

    async def receive(self) -> bytes:
        """The next bytes; `b""` when the other side is gone."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises `OSError` when the other side is gone."""
        ...

    async def aclose(self) -> None:
        """Close the stream; the process at the other side ends."""
        ...


class DockerChannel:
    """The connection of a `docker exec`, with standard output and error in frames.

    A frame is 1 byte for the stream, 3 bytes of zero, 4 bytes for the length (big endian), then as many bytes.
    Source: Docker Engine API, "Attach to a container", stream format.
    """

    def __init__(self, connection: socket.socket, *, owner: object) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._owner = owner  # the SDK's wrapper, which would close the connection when it is collected
        self._pending = b""
        self._left = 0  # bytes of the frame that were not received yet

    async def receive(self) -> bytes:
        """The next bytes of either stream."""
        while True:
            if self._left and self._pending:
                data, self._pending = self._pending[: self._left], self._pending[self._left :]
                self._left -= len(data)
                return data
            if not self._left and len(self._pending) >= 8:
                self._left = int.from_bytes(self._pending[4:8], "big")
                self._pending = self._pending[8:]
                continue
            more = await self._read()
            if not more:
                return b""
            self._pending += more

    async def _read(self) -> bytes:
        while True:
            await anyio.lowlevel.checkpoint()  # so that limits hold for a stream that never pauses
            try:
                return self._connection.recv(_CHUNK_BYTES)
            except (BlockingIOError, InterruptedError):
                await anyio.wait_readable(self._connection)
            except OSError:
                return b""

    async def send(self, data: bytes) -> None:
        """Write to the process's standard input."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._connection.send(rest[:_CHUNK_BYTES]) :]
            except (BlockingIOError, InterruptedError):
                await anyio.wait_writable(self._connection)

    async def aclose(self) -> None:
        """Close the connection; the shell at the other side reads the end of its input and ends."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        close = getattr(self._owner, "close", None)
        if close is not None:
            with contextlib.suppress(OSError):
                close()
