"""Attempts to get out of a sandbox whose network is open to the allowed hosts only: nothing but the proxy is reached."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from proxying import Names, Upstream, allowed_hosts

from agent.errors import UsageError
from sandbox import Sandbox, open_sandbox
from sandbox.network.access import PORT
from sandbox.network.allowed import AllowedHosts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SECONDS = 60.0
# bash is what every image has: the attempts need no other program
GET = (
    "exec 3<>/dev/tcp/127.0.0.1/{proxy}; printf 'GET http://{host}/ HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n' >&3; "
    "timeout 20 cat <&3"
)

Attack = Callable[[Sandbox], Awaitable[None]]


def inside(kind: str, directory: Path, allowed: AllowedHosts, body: Attack) -> None:
    """Run `body` in a sandbox whose network is open to the allowed hosts."""

    async def run() -> None:
        name = f"test-{secrets.token_hex(4)}"
        async with open_sandbox(kind, name=name, directory=directory / "workspace", allowed=allowed) as sandbox:
            await sandbox.network(True)
            await body(sandbox)

    anyio.run(run)


async def printed(sandbox: Sandbox, command: str, *, persistent: bool = False) -> str:
    """What a command prints."""
    return (await sandbox.exec(command, timeout=SECONDS, persistent=persistent)).output.text()


def test_the_allowed_host_is_reached_and_others_are_told(kind: str, tmp_path: Path) -> None:
    with Upstream(OK) as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}")

        async def body(sandbox: Sandbox) -> None:
            command = GET.format(proxy=PORT, host=f"allowed.test:{upstream.port}")
            for persistent in (False, True):
                assert "hello" in await printed(sandbox, command, persistent=persistent)
            assert "not allowed (--allow-host)" in await printed(sandbox, GET.format(proxy=PORT, host="evil.test"))
            assert [each.host for each in allowed.take_refusals()] == ["evil.test"]
            variables = await printed(sandbox, "echo $http_proxy $HTTPS_PROXY $ALL_PROXY $all_proxy")
            assert variables.split() == [f"http://127.0.0.1:{PORT}"] * 4
            await sandbox.revive()
            assert "hello" in await printed(sandbox, command)
            copy = await sandbox.fork()
            try:
                assert "hello" not in await printed(copy, command)
                await copy.network(True)
                assert "not allowed" in await printed(copy, GET.format(proxy=PORT, host="evil.test"))
            finally:
                await copy.close(keep=False)
            await sandbox.network(False)
            assert "hello" not in await printed(sandbox, command)
            assert "[]" in await printed(sandbox, "echo [$http_proxy$HTTPS_PROXY$ALL_PROXY]")

        inside(kind, tmp_path, allowed, body)


def test_a_python_client_goes_through_the_proxy_by_its_variables(kind: str, tmp_path: Path) -> None:
    with Upstream(OK) as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}")
        program = f"import urllib.request as u; print(u.urlopen('http://allowed.test:{upstream.port}/').read())"

        async def body(sandbox: Sandbox) -> None:
            assert "hello" in await printed(sandbox, f'python3 -c "{program}"')

        inside(kind, tmp_path, allowed, body)


@contextmanager
def listeners_of_the_host(directory: Path) -> Iterator[tuple[int, list[str]]]:
    """Services that a sandbox must not reach: TCP on every address, a unix socket by name, an abstract one.

    Gives the TCP port, and what was received.
    """
    received: list[str] = []
    servers = [socket.create_server(("", 0)), socket.socket(socket.AF_UNIX)]
    servers[1].bind(f"\0swe-agent-test-{directory.name}")
    servers[1].listen()

    def accept(server: socket.socket) -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return
            received.append(str(server.family))

    threads = [threading.Thread(target=accept, args=(server,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield int(servers[0].getsockname()[1]), received
    finally:
        for server in servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for thread in threads:
            thread.join(SECONDS)


def test_nothing_else_is_reached(kind: str, tmp_path: Path) -> None:
    """By address, by name, by other ports and protocols, and by the host's abstract sockets."""
    program = f"""
import socket, sys
port, own = int(sys.argv[1]), sys.argv[2]
def attempt(family, kind, address):
    with socket.socket(family, kind) as each:
        each.settimeout(2)
        try:
            each.connect(address)
            each.send(b"x")
        except OSError:
            return
        print("reached", address)
tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
gateways = [f"172.{{n}}.0.1" for n in range(17, 33)] + ["10.0.2.2", "169.254.1.1", "192.168.65.2", own]
for host in ["127.0.0.1", "127.0.0.2", "0.0.0.0", *gateways]:
    attempt(socket.AF_INET, tcp, (host, port))
for host in [*gateways, "192.0.2.1", "224.0.0.1", "169.254.169.254"]:
    attempt(socket.AF_INET, udp, (host, 53))
for host in ["::1", "::ffff:" + own, "2001:db8::1"]:
    attempt(socket.AF_INET6, tcp, (host, port))
attempt(socket.AF_UNIX, tcp, "\\0swe-agent-test-{tmp_path.name}")
for name in ["evil.test", "allowed.test", "host.docker.internal", "gateway.docker.internal"]:
    try:
        print("resolved", name, socket.getaddrinfo(name, 80))
    except OSError:
        pass
for family, kind in [(socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW)]:
    try:
        socket.socket(family, kind, 1)
        print("raw", family)
    except OSError:
        pass
print("tried")
"""
    (tmp_path / "reach").mkdir()
    with listeners_of_the_host(tmp_path) as (port, received), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses this machine's address
        own = probe.getsockname()[0]
        names = Names()

        async def body(sandbox: Sandbox) -> None:
            ran = await sandbox.exec(f"python3 - {port} {own}", stdin=program.encode(), timeout=SECONDS)
            assert ran.output.text().split() == ["tried"]
            devices = await printed(
                sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route | cut -f1"
            )
            assert set(devices.split()) <= {"lo", "sit0", "tunl0", "ip6tnl0"}

        inside(kind, tmp_path, allowed_hosts("allowed.test", names=names), body)
        assert received == [] and names.asked == []


def test_without_isolation_there_is_no_allow_list(tmp_path: Path) -> None:
    async def nothing(_: Sandbox) -> None: ...

    with pytest.raises(UsageError, match="isolation"):
        inside("local", tmp_path, allowed_hosts("allowed.test"), nothing)
