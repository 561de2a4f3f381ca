"""What a client asks a proxy for, checked: the one reading of a request's head.

Source: RFC 9110 and RFC 9112. The head is parsed by h11; whatever two readers could understand differently is refused,
and what is passed on is written again from what was understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

from sandbox.network.patterns import HTTP_PORT, HTTPS_PORT, split_authority

_ABSOLUTE = re.compile(r"http://([^/?]*)((?:[/?].*)?)", re.IGNORECASE)
_VERSIONS = frozenset({b"1.0", b"1.1"})
_READING = frozenset({"GET", "HEAD"})
_HOP_BY_HOP = frozenset({
    b"connection", b"expect", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip


class BadRequest(ValueError):
    """A request that has no one meaning."""


@dataclass(frozen=True)
class ProxyRequest:
    """A request: a tunnel to a host (`method` is CONNECT), or one over plain HTTP."""

    method: str
    host: str
    port: int
    path: str = ""

    @property
    def tunnel(self) -> bool:
        """Whether it asks for a tunnel."""
        return self.method == "CONNECT"

    @property
    def reading(self) -> bool:
        """Whether it only asks for something."""
        return self.method in _READING

    @property
    def target(self) -> str:
        """The host, with its port where it is not the usual one."""
        usual = HTTPS_PORT if self.tunnel else HTTP_PORT
        return self.host if self.port == usual else f"{self.host}:{self.port}"


def read_request(request: h11.Request) -> ProxyRequest:
    """What a parsed head asks for. Raises `BadRequest`."""
    method, target = request.method.decode("ascii"), request.target.decode("ascii")
    if request.http_version not in _VERSIONS:
        raise BadRequest("neither HTTP/1.0 nor HTTP/1.1")
    names = [name for name, _ in request.headers]
    framed = b"transfer-encoding" in names or _length(request) > 0
    if b"transfer-encoding" in names and b"content-length" in names:
        raise BadRequest("both Content-Length and Transfer-Encoding")
    if framed and method in {"CONNECT", *_READING}:
        raise BadRequest(f"{method} with a body")
    if method == "CONNECT":
        host, port = _authority(target)
        if port is None:
            raise BadRequest("CONNECT without a port")
        found = ProxyRequest(method, host, port)
    else:
        match = _ABSOLUTE.fullmatch(target)
        if not match or "#" in target:
            raise BadRequest("not an absolute http:// address")
        host, port = _authority(match[1])
        path = match[2] if match[2].startswith("/") else f"/{match[2]}"
        found = ProxyRequest(method, host, port or HTTP_PORT, path)
    _check_host_header(request, found)
    return found


def forwarded_request(request: h11.Request, understood: ProxyRequest) -> h11.Request:
    """The head to send to the host of a plain request."""
    return h11.Request(
        method=understood.method,
        target=understood.path,
        headers=[(b"Host", understood.target.encode()), *_end_to_end(request), (b"Connection", b"close")],
    )


def forwarded_response(response: h11.Response) -> h11.Response:
    """The head to send to the client for a host's answer."""
    headers = [*_end_to_end(response), (b"Connection", b"close")]
    return h11.Response(status_code=response.status_code, reason=response.reason, headers=headers)


def _end_to_end(message: h11.Request | h11.Response) -> list[tuple[bytes, bytes]]:
    """The headers that are not for one connection only, without Host; the body is framed anew."""
    named = {
        option.strip().lower()
        for name, value in message.headers
        if name == b"connection"
        for option in value.split(b",")
    }
    left_out = (_HOP_BY_HOP | named | {b"host"}) - {b"content-length"}
    kept = [(name, value) for name, value in message.headers if name not in left_out]
    if any(name == b"transfer-encoding" for name, _ in message.headers):
        kept = [
            *((name, value) for name, value in kept if name != b"content-length"),
            (b"Transfer-Encoding", b"chunked"),
        ]
    return kept


def _length(request: h11.Request) -> int:
    return max((int(value) for name, value in request.headers if name == b"content-length"), default=0)


def _authority(text: str) -> tuple[str, int | None]:
    try:
        return split_authority(text)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _check_host_header(request: h11.Request, understood: ProxyRequest) -> None:
    """The header Host, where there is one, names the same host: HTTP/1.0 may lack it, h11 refuses two."""
    usual = HTTPS_PORT if understood.tunnel else HTTP_PORT
    for name, value in request.headers:
        if name == b"host":
            host, port = _authority(value.decode("latin-1"))
            # some clients leave the port of a tunnel out, whatever it is
            ports = {understood.port, None} if understood.tunnel or understood.port == usual else {understood.port}
            if host != understood.host or port not in ports:
                raise BadRequest("Host is another one than the request's")
