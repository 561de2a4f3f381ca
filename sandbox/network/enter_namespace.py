"""A program: opens a listening socket in the network namespace of a process, and hands it over.

Usage: enter_namespace.py PID PORT FD, where FD is a unix socket to send the listening one over. It enters the user
namespace that owns the network namespace first, which the user who made that may do (`man 2 setns`,
`man 2 ioctl_ns`). Nothing of it stays in the namespaces: it ends once the socket is sent.
"""

import ctypes
import fcntl
import os
import socket
import sys

NS_GET_USERNS = 0xB701
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000


def enter(namespace: int, kind: int) -> None:
    """Make this process a member of a namespace. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns needs Python 3.12
    if libc.setns(namespace, kind):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def main() -> None:
    """Open the socket and send it."""
    pid, port, channel = map(int, sys.argv[1:])
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    owner = fcntl.ioctl(network, NS_GET_USERNS)
    if os.fstat(owner).st_ino != os.stat("/proc/self/ns/user").st_ino:  # noqa: PTH116 - quick to start: no pathlib
        enter(owner, CLONE_NEWUSER)
    enter(network, CLONE_NEWNET)
    with socket.create_server(("127.0.0.1", port)) as listener, socket.socket(fileno=channel) as over:
        socket.send_fds(over, [b"\0"], [listener.fileno()])


if __name__ == "__main__":
    main()
