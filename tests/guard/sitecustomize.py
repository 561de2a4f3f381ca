"""Put on PYTHONPATH, it is imported by a Python program and all its children before anything else.

Refuses every connection, datagram, bound port and look-up of a name but those to addresses of GUARD_ALLOW
(`host:port`, space between; port `*` is any), and writes each attempt to GUARD_LOG, one JSON line each.
"""

import ipaddress
import json
import os
import sys
from typing import Any

_ALLOWED = set(os.environ["GUARD_ALLOW"].split())
_LOG = os.open(os.environ["GUARD_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_ADDRESS = {"socket.connect": 1, "socket.bind": 1, "socket.sendto": 1, "socket.sendmsg": 1}  # event → which argument
_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}


def _allowed(host: object, port: object) -> bool:
    return f"{host}:{port}" in _ALLOWED or f"{host}:*" in _ALLOWED


def _is_number(host: Any) -> bool:
    """Whether a host is an address already: nothing is asked for it."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host is None
    return True


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _ADDRESS:
        where = arguments[_ADDRESS[event]]
        if not isinstance(where, tuple) or len(where) < 2:
            if where is None:  # a socket that is connected: that was seen
                return
            host, port = repr(where), ""  # a local socket's path, or a family of its own
        else:
            host, port = where[0], where[1]
        fine = _allowed(host, port)
    elif event in _NAMES:
        first = arguments[0]
        host = first[0] if isinstance(first, tuple) else first
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        port = "name"
        fine = _is_number(host)
    else:
        return
    line = {"event": event, "host": str(host), "port": port, "allowed": fine, "pid": os.getpid(), "argv": sys.argv[:3]}
    os.write(_LOG, (json.dumps(line, default=str) + "\n").encode())
    if not fine:
        raise PermissionError(f"refused by the guard of the test: {event} {host} {port}")


sys.addaudithook(_watch)
