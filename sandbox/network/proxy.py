"""The filtering proxy: in a thread of the host process, on listening sockets that lie inside sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import ExitStack
from functools import partial

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from sandbox.network.allowed import AllowedHosts, Refusal
from sandbox.network.connection import Connection, Peer, Refused, close

_PAUSE_SECONDS = 0.05
_TOO_MANY = b"HTTP/1.1 503 too many connections at once\r\nConnection: close\r\n\r\n"


class FilteringProxy:
    """Passes on what the allow-list allows and refuses the rest. Methods may be called from any thread."""

    def __init__(self, allowed: AllowedHosts) -> None:
        self._allowed = allowed
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._listening: set[asyncio.Task[None]] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._sent = 0
        self._received = 0

    def serve(self, listener: socket.socket) -> None:
        """Accept connections on a listening socket, which is the proxy's from now on."""
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        self._portal.call(self._serve, listener)

    def stop(self) -> None:
        """End every connection and close the sockets."""
        if self._portal is not None:
            self._portal.call(self._stop)
            self._portal = None
            self._stack.close()

    async def _serve(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        listener.listen(self._allowed.limits.connections)
        self._listening.add(asyncio.create_task(self._accept(listener)))

    async def _stop(self) -> None:
        for tasks in (self._listening, self._running):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                # not `sock_accept`: cancelled when it has accepted already, it would lose the connection
                await anyio.wait_readable(listener)
                try:
                    connection, _ = listener.accept()
                except BlockingIOError:
                    continue
                except OSError:  # no file descriptor is free
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                connection.setblocking(False)
                full = len(self._running) >= self._allowed.limits.connections
                task = asyncio.create_task(self._refuse(connection) if full else self._handle(connection))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                # a task that is cancelled before its first step closes nothing itself
                task.add_done_callback(partial(_close, connection))

    async def _refuse(self, connection: socket.socket) -> None:
        self._allowed.refuse(Refusal("a connection", "too many at once"))
        with connection, contextlib.suppress(OSError):
            connection.send(_TOO_MANY)

    async def _handle(self, connection: socket.socket) -> None:
        """Handle a connection, and close it whatever happens."""
        with (
            connection,
            contextlib.suppress(OSError, TimeoutError),
        ):  # a side is gone or too slow: the client sees it end
            reader, writer = await asyncio.open_connection(sock=connection)
            try:
                async with asyncio.timeout(self._allowed.limits.connection_seconds):
                    await Connection(self._allowed, Peer(reader, writer), self).run()
            except (OSError, TimeoutError):
                raise
            except Exception as error:  # a bug of ours must not pass anything on, nor print
                self._allowed.refuse(Refusal("a request", f"internal error: {error!r}"))
            finally:
                await close(writer)

    def count_sent(self, size: int, target: str) -> None:
        """See `Traffic`."""
        self._sent += size
        if self._sent > self._allowed.limits.sent_bytes:
            raise Refused(403, target, "too many bytes were sent")

    def count_received(self, size: int, target: str) -> None:
        """See `Traffic`."""
        self._received += size
        if self._received > self._allowed.limits.received_bytes:
            raise Refused(403, target, "too many bytes were received")


def _close(connection: socket.socket, _: asyncio.Task[None]) -> None:
    connection.close()
