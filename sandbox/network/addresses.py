"""Which addresses a sandbox may reach: public ones of other machines, found by the host's resolver."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""The addresses of a host, for a port. Raises `OSError` where it has none."""
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses that the host's resolver knows, without duplicates. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = (str(each[4][0]).partition("%")[0] for each in found)
    return list(dict.fromkeys(map(ip_address, texts)))


def is_public(address: Address) -> bool:
    """Whether an address is a public one, and not this machine's own.

    An IPv6 address that stands for an IPv4 one (mapped, 6to4, Teredo, NAT64) is what that one is.
    """
    if isinstance(address, IPv6Address):
        if address.is_site_local or address.scope_id:
            return False
        embedded = _embedded(address)
        if embedded is not None:
            return is_public(embedded)
    return address.is_global and not address.is_multicast and not address.is_reserved and not is_own(address)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def is_own(address: Address) -> bool:
    """Whether an address is one of this machine: it would be the sender of what is sent there. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0].partition("%")[0]) == address
    except OSError:  # there is no route to it, so it is not reached either
        return False
