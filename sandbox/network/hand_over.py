"""A program for a container in the sandbox's network namespace: opens a listening socket and hands it over.

Usage: hand_over.py PORT PATH, where PATH is a unix socket that the host process listens on.
"""

import socket
import sys


def main() -> None:
    """Open the socket and send it."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener, socket.socket(socket.AF_UNIX) as over:
        over.connect(sys.argv[2])
        socket.send_fds(over, [b"\0"], [listener.fileno()])


if __name__ == "__main__":
    main()
