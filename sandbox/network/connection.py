"""One connection of a client in the sandbox: its request is read and checked, then answered or passed on."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

import h11

from sandbox.network.allowed import AllowedHosts, Refusal
from sandbox.network.client_hello import MAX_BYTES, UNRECOGNIZED_NAME, server_name
from sandbox.network.requests import BadRequest, ProxyRequest, forwarded_request, forwarded_response, read_request

_CHUNK_BYTES = 64 << 10
_CLOSE_SECONDS = 5.0
_MAX_ADDRESSES = 4  # of a host, tried one after the other


class Refused(Exception):
    """The request is not passed on; `status` is HTTP's."""

    def __init__(self, status: int, target: str, reason: str, *, host: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.refusal = Refusal(target, reason, host)


class Traffic(Protocol):
    """Counts bytes against the proxy's limits. Raises `Refused` when one is exceeded."""

    def count_sent(self, size: int, target: str) -> None:
        """Count bytes from the sandbox."""
        ...

    def count_received(self, size: int, target: str) -> None:
        """Count bytes to the sandbox."""
        ...


@dataclass
class Peer:
    """One side: the client or the host it wants."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Connection:
    """Handles one request; the connection is closed after it."""

    def __init__(self, allowed: AllowedHosts, client: Peer, traffic: Traffic) -> None:
        self._allowed = allowed
        self._limits = allowed.limits
        self._client = client
        self._traffic = traffic
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head_bytes)
        self._answered = False
        self._received = 0  # bytes from the client

    async def run(self) -> None:
        """Read the request and do what it asks, or refuse it. Raises `OSError` when a side is gone."""
        try:
            request = await self._read_head()
            try:
                understood = read_request(request)
            except BadRequest as error:
                raise Refused(400, _shown(request.target), str(error)) from error
            if understood.tunnel:
                await self._tunnel(understood)
            else:
                await self._pass_on(request, understood)
        except Refused as error:
            self._allowed.refuse(error.refusal)
            await self._answer(error.status, f"{error.refusal.target}: {error.refusal.reason}")

    async def _read_head(self) -> h11.Request:
        """The request's head. Raises `Refused`, and `ConnectionError` where the client went without one."""
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                event = await self._client_event()
        except TimeoutError as error:
            raise Refused(408, "a request", "it did not come in time") from error
        if not isinstance(event, h11.Request):
            raise ConnectionAbortedError("no request")
        if self._received - len(self._http.trailing_data[0]) > self._limits.head_bytes:  # h11 has it all in one piece
            raise Refused(431, "a request", "its head is too long")
        return event

    async def _client_event(self) -> h11.Event:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise Refused(error.error_status_hint, "a request", "malformed") from error
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise ConnectionAbortedError("more than one request")
            data = await self._client.reader.read(_CHUNK_BYTES)
            self._received += len(data)
            self._http.receive_data(data)

    async def _tunnel(self, request: ProxyRequest) -> None:
        """A tunnel for one TLS connection that asks for the host it was opened to."""
        if not self._allowed.hosts.tunnel(request.host, request.port):
            raise _not_allowed(request)
        server = await self._connect(request)
        try:
            self._client.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._answered = True
            await self._client.writer.drain()
            hello = await self._client_hello(request)
            self._traffic.count_sent(len(hello), request.target)
            server.writer.write(hello)
            await self._relay(server, request.target)
        finally:
            await close(server.writer)

    async def _client_hello(self, request: ProxyRequest) -> bytes:
        """What the client has sent up to the end of its ClientHello. Raises `Refused` if that asks for another host."""
        received = self._http.trailing_data[0]
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                while (name := server_name(received)) is None:
                    more = await self._client.reader.read(_CHUNK_BYTES)
                    if not more or len(received) > MAX_BYTES:
                        raise ValueError("a tunnel without a TLS connection")
                    received += more
        except TimeoutError as error:
            raise Refused(408, request.target, "a tunnel without a TLS connection") from error
        except ValueError as error:
            raise Refused(403, request.target, str(error)) from error
        if name.lower() != request.host:
            self._client.writer.write(UNRECOGNIZED_NAME)
            raise Refused(403, request.target, "a TLS connection that asks for another host")
        return received

    async def _relay(self, server: Peer, target: str) -> None:
        """Copy both ways until both are at their end, or nothing comes any more."""
        loop = asyncio.get_running_loop()

        async with asyncio.timeout(self._limits.idle_seconds) as limit:

            async def copy(source: Peer, sink: Peer, *, sent: bool) -> None:
                count = self._traffic.count_sent if sent else self._traffic.count_received
                while data := await source.reader.read(_CHUNK_BYTES):
                    limit.reschedule(loop.time() + self._limits.idle_seconds)
                    count(len(data), target)
                    sink.writer.write(data)
                    await sink.writer.drain()
                if sink.writer.can_write_eof():
                    sink.writer.write_eof()

            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(copy(self._client, server, sent=True))
                    tasks.create_task(copy(server, self._client, sent=False))
            except BaseExceptionGroup as group:  # the first error has ended the other direction
                raise group.exceptions[0] from group

    async def _pass_on(self, request: h11.Request, understood: ProxyRequest) -> None:
        """One request over plain HTTP and its answer, both written anew."""
        if not self._allowed.hosts.plain(understood.host, understood.port, reading=understood.reading):
            if self._allowed.hosts.plain(understood.host, understood.port, reading=True):
                raise Refused(403, understood.target, f"{understood.method} over plain HTTP (--allow-host http://…)")
            raise _not_allowed(understood)
        server = await self._connect(understood)
        try:
            async with asyncio.timeout(self._limits.connection_seconds):
                http = h11.Connection(h11.CLIENT)
                await self._send(http, server, forwarded_request(request, understood))
                await self._pass_body(http, server, understood)
                await self._pass_answer(http, server, understood)
        finally:
            await close(server.writer)

    async def _send(self, http: h11.Connection, to: Peer, event: h11.Event) -> None:
        data = http.send(event)
        if data:
            to.writer.write(data)
            async with asyncio.timeout(self._limits.idle_seconds):
                await to.writer.drain()

    async def _pass_body(self, http: h11.Connection, server: Peer, request: ProxyRequest) -> None:
        while True:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(self._http, self._client, h11.InformationalResponse(status_code=100, headers=[]))
            async with asyncio.timeout(self._limits.idle_seconds):
                event = await self._client_event()
            if isinstance(event, h11.Data):
                self._traffic.count_sent(len(event.data), request.target)
                await self._send(http, server, h11.Data(data=bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                await self._send(http, server, h11.EndOfMessage())
                return
            else:
                raise ConnectionAbortedError("the request ended early")

    async def _pass_answer(self, http: h11.Connection, server: Peer, request: ProxyRequest) -> None:
        while True:
            try:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    async with asyncio.timeout(self._limits.idle_seconds):
                        http.receive_data(await server.reader.read(_CHUNK_BYTES))
                    continue
            except h11.RemoteProtocolError as error:
                raise Refused(502, request.target, "its answer is malformed") from error
            if isinstance(event, h11.Response):
                self._answered = True
                await self._send(self._http, self._client, forwarded_response(event))
            elif isinstance(event, h11.Data):
                self._traffic.count_received(len(event.data), request.target)
                await self._send(self._http, self._client, h11.Data(data=bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                await self._send(self._http, self._client, h11.EndOfMessage())
                return
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionAbortedError("the answer ended early")

    async def _connect(self, request: ProxyRequest) -> Peer:
        """A connection to an address that was checked, which is the one connected to. Raises `Refused`."""
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                addresses = await self._allowed.resolve(request.host, request.port)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise Refused(502, request.target, "its name is not known") from error
        if not addresses or not all(map(self._allowed.may_reach, addresses)):
            raise Refused(403, request.target, "its address is not a public one")
        for address in addresses[:_MAX_ADDRESSES]:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(self._limits.connect_seconds):
                    return Peer(*await asyncio.open_connection(str(address), request.port))
        raise Refused(502, request.target, "it can't be reached")

    async def _answer(self, status: int, reason: str) -> None:
        """Tell the client that its request is refused, where it still waits for an answer."""
        if self._answered:
            return
        body = f"swe-agent: {reason}\n".encode()
        text = reason.encode("ascii", "replace")[:200]
        head = b"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        self._client.writer.write(head % (status, text, len(body)) + body)
        async with asyncio.timeout(self._limits.head_seconds):
            await self._client.writer.drain()


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection; what was written may still be read, unless nobody reads it."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
    writer.transport.abort()


def _not_allowed(request: ProxyRequest) -> Refused:
    return Refused(403, request.target, "not allowed (--allow-host)", host=request.target)


def _shown(target: bytes) -> str:
    """A request's target as far as it may be shown: printable ASCII, without a query, which may hold a secret."""
    text = target.partition(b"?")[0].decode("ascii", "replace")[:100]
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in text) or "a request"
