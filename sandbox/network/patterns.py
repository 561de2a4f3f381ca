"""Which hosts a sandbox may reach: the patterns of `--allow-host`, and the names of hosts as requests write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import UsageError

HTTPS_PORT = 443
HTTP_PORT = 80
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # of a last label: the name is then an address in some notation
_AUTHORITY = re.compile(r"([^:]*)(?::([0-9]{1,5}))?")
_NAME_CHARACTERS = 253
_FORMS = "write host.example, *.host.example, host.example:8443, or http://host.example"


def host_name(text: str) -> str:
    """A host's name in lower case, in ASCII (RFC 952, RFC 1123, IDNA's `xn--` form). Raises `ValueError`.

    Refused is whatever a resolver could understand in another way: addresses in any notation, a trailing dot,
    userinfo, control characters, letters outside ASCII.
    """
    name = text.lower()
    if len(name) > _NAME_CHARACTERS or not text.isascii() or not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise ValueError("an address, not a host name")
    return name


def split_authority(text: str) -> tuple[str, int | None]:
    """The host's name and the port, None where there is none, of `host` or `host:port`. Raises `ValueError`."""
    match = _AUTHORITY.fullmatch(text)
    if not match:
        raise ValueError("not a host name and port")
    host, port = host_name(match[1]), int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 1 << 16:
        raise ValueError("not a port")
    return host, port


@dataclass(frozen=True)
class HostPattern:
    """One pattern: a host, or every host below a domain; `port` None is the usual port of each protocol.

    `plain` is set by `http://`: every method over plain HTTP, and no tunnels.
    """

    host: str
    below: bool = False
    port: int | None = None
    plain: bool = False

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """The pattern that `text` writes. Raises `UsageError`."""
        rest, plain = text.strip(), False
        if rest.lower().startswith("http://"):
            rest, plain = rest[len("http://") :].removesuffix("/"), True
        below = rest.startswith("*.")
        try:
            host, port = split_authority(_ascii(rest.removeprefix("*.")))
        except ValueError as error:
            raise UsageError(f"allow-host {text!r}: {error}", hint=_FORMS) from error
        if below and "." not in host:
            raise UsageError(f"allow-host {text!r} would allow every host below a top-level domain", hint=_FORMS)
        return cls(host, below, port, plain)

    def matches(self, host: str, port: int, *, usual: int) -> bool:
        """Whether this is a pattern of `host` at `port`, for a protocol whose usual port is `usual`."""
        named = host.endswith(f".{self.host}") if self.below else host == self.host
        return named and port == (self.port or usual)


class AllowList:
    """The hosts that may be reached. `texts` are patterns; raises `UsageError` for one that is none."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.patterns = tuple(dict.fromkeys(HostPattern.parse(text) for text in texts))

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def tunnel(self, host: str, port: int) -> bool:
        """Whether a TLS connection to a host is allowed."""
        return any(each.matches(host, port, usual=HTTPS_PORT) for each in self.patterns if not each.plain)

    def plain(self, host: str, port: int, *, reading: bool) -> bool:
        """Whether a request over plain HTTP is allowed; `reading` is one that only asks for something."""
        return any(each.matches(host, port, usual=HTTP_PORT) for each in self.patterns if reading or each.plain)


def _ascii(authority: str) -> str:
    """The authority with an internationalised name in its ASCII form. Raises `ValueError`."""
    if authority.isascii():
        return authority
    import idna

    name, colon, port = authority.partition(":")
    return idna.encode(name, uts46=True).decode("ascii") + colon + port  # its errors are ValueErrors
