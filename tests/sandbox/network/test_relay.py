"""A sandbox whose network is open to all hosts has a network stack of its own where a program can serve one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from support import eventually

from sandbox import Sandbox, open_sandbox
from sandbox.network import relay
from sandbox.network.relay import find_relay, resolver_file

SECONDS = 60.0
# bash alone: a port of the host's loopback, its abstract socket, the routes
LOOK = """
(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo reached loopback
grep -q {name} /proc/net/unix && echo sees abstract
cut -f1,2 /proc/net/route; cat /etc/resolv.conf; echo looked
"""


def network_of_the_host() -> bool:
    """Whether this machine has a default route, which pasta takes its own address from."""
    return any(line.split()[1] == "00000000" for line in Path("/proc/net/route").read_text().splitlines()[1:])


@pytest.fixture(params=["pasta", "slirp4netns"])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each program that is installed, as the only one; with neither, there is nothing to test here but the search."""
    path = shutil.which(request.param)
    usable = path is not None and os.access("/dev/net/tun", os.R_OK | os.W_OK) and network_of_the_host()
    if not usable and os.environ.get("CI"):
        pytest.fail(f"{request.param}, /dev/net/tun or a default route is missing")
    if not usable:
        pytest.skip(f"{request.param} can't be used here")
    monkeypatch.setattr(relay.shutil, "which", lambda name: path if name == request.param else None)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return str(request.param)


@contextmanager
def services_of_the_host() -> Iterator[tuple[int, str, list[int]]]:
    """A TCP port of the host's loopback, the name of an abstract socket, and who was accepted."""
    name, accepted = f"swe-agent-{secrets.token_hex(8)}", list[int]()
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{name}")
        abstract.listen()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    tcp.accept()[0].close()
                    accepted.append(1)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(tcp.getsockname()[1]), name, accepted
        finally:
            tcp.shutdown(socket.SHUT_RDWR)
            thread.join(SECONDS)


def look(directory: Path, port: int, name: str) -> str:
    """What is seen in a bubblewrap sandbox whose network is open."""
    seen = []

    async def run() -> None:
        async with open_sandbox("bubblewrap", name="relay", directory=directory / "workspace") as sandbox:
            await sandbox.network(True)
            seen.append(await printed(sandbox, LOOK.format(port=port, name=name)))
            await sandbox.network(False)
            seen.append(await printed(sandbox, "tail -n +2 /proc/net/route"))

    anyio.run(run)
    assert seen[1] == ""
    return seen[0]


async def printed(sandbox: Sandbox, command: str) -> str:
    return (await sandbox.exec(command, timeout=SECONDS)).output.text()


def test_the_hosts_loopback_and_abstract_sockets_are_out_of_reach(program: str, tmp_path: Path) -> None:
    with services_of_the_host() as (port, name, accepted):
        seen = look(tmp_path, port, name)
    assert "00000000" in seen and resolver_file(program).decode() in seen  # it has a network
    assert "looked" in seen and "reached" not in seen and "sees" not in seen
    assert accepted == []
    assert relays(os.getpid()) == []


def test_without_a_program_the_hosts_network_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack works there, which is why the user is told."""
    monkeypatch.setattr(relay.shutil, "which", lambda _: None)
    with services_of_the_host() as (port, name, accepted):
        seen = look(tmp_path, port, name)
    assert "reached loopback" in seen and "sees abstract" in seen and accepted == [1]


def test_a_program_that_does_not_work_here_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "slirp4netns"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(relay.shutil, "which", lambda name: str(broken) if name == broken.name else None)
    monkeypatch.setattr(relay, "_failed", set())
    monkeypatch.setattr(relay, "_SECONDS", 0.1)
    monkeypatch.setattr(relay, "proxy_environment", dict)
    monkeypatch.setattr(relay.os, "access", lambda *_: True)
    assert find_relay() == str(broken)
    with services_of_the_host() as (port, name, _):
        assert "reached loopback" in look(tmp_path, port, name)
    assert find_relay() == ""


HOLD = """
import anyio, pathlib, sys
from sandbox.select import open_sandbox
async def main():
    async with open_sandbox("bubblewrap", name="relay", directory=pathlib.Path(sys.argv[1])) as sandbox:
        await sandbox.network(True)
        print("ready", flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


def children(pid: int) -> list[int]:
    """The children of every thread of a process."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in tasks.read_text().split()]
    return found


def relays(pid: int) -> list[int]:
    """The programs that serve networks for a process, each below a shell that guards it."""
    guards = [child for child in children(pid) if Path(f"/proc/{child}/comm").read_text().strip() == "sh"]
    return [program for guard in guards for program in children(guard)]


def test_a_killed_process_leaves_no_program_behind(program: str, tmp_path: Path) -> None:
    only = tmp_path / "bin"
    only.mkdir()
    for name in ("bwrap", program):
        if found := shutil.which(name):
            (only / name).symlink_to(found)
    environment = {**os.environ, "PATH": str(only)}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "workspace")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    found = relays(process.pid)
    assert found
    process.kill()
    process.communicate()
    eventually(lambda: not any(Path(f"/proc/{each}").exists() for each in found))


def test_a_proxy_on_the_hosts_loopback_is_not_cut_off(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_relay().endswith(program)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    assert find_relay() == ""
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    assert find_relay().endswith(program)
