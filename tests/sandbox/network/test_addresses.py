"""Addresses of private, local and special networks, in every disguise, are not public ones."""

from __future__ import annotations

from ipaddress import ip_address

import anyio
import pytest

from sandbox.network.addresses import is_own, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:c0a8:101::1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:0:0:0:0:0:f5ff:fffe",
    ],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_what_is_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_this_machines_own_address_is_not_reached_either() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("192.0.2.1"))


def test_names_are_resolved_once_each_and_unknown_ones_are_an_error() -> None:
    async def body() -> None:
        found = await resolve("localhost", 80)
        assert ip_address("127.0.0.1") in found and len(set(found)) == len(found)
        with pytest.raises(UnicodeError):  # found before anybody is asked
            await resolve("a" * 64 + ".localhost", 80)

    anyio.run(body)
