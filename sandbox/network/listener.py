"""Listening sockets that lie inside a sandbox and are accepted on by the host process.

A sandbox's network namespace has a loopback device and nothing else. A socket keeps the namespace that it was made in,
wherever it is handed over to: so the sandbox reaches the proxy on its own loopback, and nothing inside forwards.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

from agent.errors import SandboxUnavailable

_SECONDS = 20.0
_PROGRAM = Path(__file__).parent / "enter_namespace.py"


def listen_in_namespace(pid: int, port: int) -> socket.socket:
    """A socket on 127.0.0.1 in the network namespace of a process. Raises `SandboxUnavailable`."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-I", "-S", str(_PROGRAM), str(pid), str(port), str(theirs.fileno())]
        try:
            done = subprocess.run(
                command, capture_output=True, pass_fds=[theirs.fileno()], check=False, timeout=_SECONDS, env={}
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxUnavailable(f"the sandbox's network can't be entered: {error}") from error
        theirs.close()
        listener = receive_listener(ours)
        if listener is None:
            said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SandboxUnavailable(f"the sandbox's network can't be entered: {said}")
        return listener


def receive_listener(connection: socket.socket) -> socket.socket | None:
    """The listening socket that was sent over a unix socket; None where none was."""
    connection.settimeout(_SECONDS)
    fds: list[int] = []
    with contextlib.suppress(OSError):
        _, fds, _, _ = socket.recv_fds(connection, 1, 1)
    if not fds:
        return None
    received = socket.socket(fileno=fds[0])
    if received.family != socket.AF_INET or not received.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        received.close()
        return None
    return received
