"""What tests of the filtering proxy share: a proxy whose names all lead to loopback, upstreams there, TLS messages."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address

from sandbox.network.addresses import Address
from sandbox.network.allowed import AllowedHosts, Limits
from sandbox.network.patterns import AllowList
from sandbox.network.proxy import FilteringProxy

SECONDS = 20.0


class Names:
    """A resolver for tests: every name leads to loopback, but those in `table`; what was asked is in `asked`."""

    def __init__(self, **table: str) -> None:
        self.table = {name.replace("_", "."): address for name, address in table.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if host.startswith("unknown"):
            raise socket.gaierror("no such name")
        return [ip_address(each) for each in self.table.get(host, "127.0.0.1").split()]


def only_loopback(address: Address) -> bool:
    """The address check of tests: 127.0.0.1 stands for the public internet, and everything else is refused."""
    return address == IPv4Address("127.0.0.1")


def allowed_hosts(*patterns: str, names: Names | None = None, limits: Limits | None = None) -> AllowedHosts:
    """An allow-list whose hosts are all on loopback."""
    return AllowedHosts(
        AllowList(patterns),
        resolve=names or Names(),
        may_reach=only_loopback,
        limits=limits or Limits(head_seconds=5.0),
    )


@contextmanager
def running_proxy(allowed: AllowedHosts) -> Iterator[int]:
    """A proxy on loopback; its port."""
    proxy = FilteringProxy(allowed)
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])
    proxy.serve(listener)
    try:
        yield port
    finally:
        proxy.stop()


class Upstream:
    """A host on loopback: keeps what each connection sent, and answers each with the same bytes.

    With `wait` it answers after that many bytes came; with `tls` it speaks TLS with a cipher that needs no certificate.
    """

    def __init__(self, answer: bytes = b"", *, tls: bool = False, wait: bytes = b"\r\n\r\n") -> None:
        self.received: list[bytes] = []
        self._answer, self._tls, self._wait = answer, tls, wait
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        at = len(self.received)
        self.received.append(b"")
        with contextlib.suppress(OSError), connection:
            if self._tls:
                connection = anonymous_tls(server=True).wrap_socket(connection, server_side=True)
            with connection:
                while self._wait not in self.received[at]:
                    data = connection.recv(1 << 16)
                    if not data:
                        return
                    self.received[at] += data
                connection.sendall(self._answer)

    def close(self) -> None:
        """Stop accepting, and wait for the connections to end."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(SECONDS)

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def anonymous_tls(*, server: bool = False) -> ssl.SSLContext:
    """TLS 1.2 without certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


def client_hello(name: str | None) -> bytes:
    """What OpenSSL sends first to a host of this name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


def ask(port: int, *parts: bytes) -> bytes:
    """Send bytes to a proxy, each part once something came back for the one before; all that it answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):
            for at, part in enumerate(parts):
                if at:
                    answer += connection.recv(1 << 16)
                connection.sendall(part)
            while data := connection.recv(1 << 16):
                answer += data
        return answer


def status(answer: bytes) -> int:
    """The status of an answer; 0 for none."""
    fields = answer.split(b" ", 2)
    return int(fields[1]) if len(fields) > 1 and answer.startswith(b"HTTP/1.1 ") else 0
