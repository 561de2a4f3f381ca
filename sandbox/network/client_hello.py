"""The host's name that a TLS client asks for, from the first message of its connection.

Source: RFC 8446, section 4.1.2 (ClientHello) and 5.1 (records); RFC 6066, section 3 (server_name). Every length has to
fit exactly, so that no server can read another name out of the same bytes.
"""

from __future__ import annotations

MAX_BYTES = 64 << 10
"""A ClientHello and its records are no longer than this."""
_HANDSHAKE_RECORD = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0
_ENCRYPTED = frozenset({0xFE0D, 0xFFCE})  # encrypted_client_hello and its draft: the real name is hidden in them
_RECORD_BYTES = 1 << 14
UNRECOGNIZED_NAME = bytes((21, 3, 3, 0, 2, 2, 112))
"""The fatal alert `unrecognized_name`, in a record of its own."""


class _Reader:
    """Reads fields of a message, each with its length before it. Raises `ValueError` where bytes are missing."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, size: int) -> bytes:
        if len(self.rest) < size:
            raise ValueError("a TLS message that is cut off")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, length_bytes: int) -> _Reader:
        return _Reader(self.take(self.number(length_bytes)))

    def end(self) -> None:
        if self.rest:
            raise ValueError("a TLS message with bytes too many")


def server_name(data: bytes) -> str | None:
    """The name in the ClientHello that `data` begins with; None where more bytes are needed.

    Raises `ValueError` for anything else than a ClientHello, and for one without a name, with several, or with an
    encrypted one.
    """
    message = _message(data)
    if message is None:
        return None
    body = _Reader(message)
    body.take(2 + 32)  # version, random
    for length_bytes in (1, 2, 1):  # session id, cipher suites, compression methods
        body.vector(length_bytes)
    extensions = body.vector(2)
    body.end()
    names = []
    while extensions.rest:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind in _ENCRYPTED:
            raise ValueError("a TLS connection that encrypts the name of its host")
        if kind == _SERVER_NAME:
            names.append(_name(content))
    if len(names) != 1:
        raise ValueError("a TLS connection that does not name its host")
    return names[0]


def _message(data: bytes) -> bytes | None:
    """The body of the ClientHello, put together from its records; None while some of it is missing."""
    message = b""
    while True:
        if data and data[0] != _HANDSHAKE_RECORD:
            raise ValueError("no TLS")
        if len(data) < 5:
            return None
        size = int.from_bytes(data[3:5], "big")
        if data[1] != 3 or not 0 < size <= _RECORD_BYTES:
            raise ValueError("no TLS")
        if len(data) < 5 + size:
            return None
        message += data[5 : 5 + size]
        data = data[5 + size :]
        if message[0] != _CLIENT_HELLO:
            raise ValueError("a TLS connection that does not begin with a ClientHello")
        length = int.from_bytes(message[1:4], "big") if len(message) >= 4 else MAX_BYTES
        if length > MAX_BYTES or len(message) > 4 + length:
            raise ValueError("a ClientHello of another length than it says")
        if len(message) == 4 + length:
            return message[4:]


def _name(content: _Reader) -> str:
    """The one name of the extension."""
    entries = content.vector(2)
    content.end()
    kind, name = entries.number(1), entries.vector(2)
    entries.end()
    if kind != _HOST_NAME:
        raise ValueError("a TLS connection that does not name its host")
    return name.rest.decode("ascii")  # UnicodeDecodeError is a ValueError
