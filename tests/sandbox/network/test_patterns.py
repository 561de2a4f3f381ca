"""Which hosts a pattern of `--allow-host` allows, and what is not a host's name."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from sandbox.network.patterns import AllowList, HostPattern, host_name, split_authority


@pytest.mark.parametrize(
    ("pattern", "host", "port", "allowed"),
    [
        ("allowed.test", "allowed.test", 443, True),
        ("Allowed.TEST", "allowed.test", 443, True),
        ("allowed.test", "allowed.test", 8443, False),
        ("allowed.test", "allowed.test", 80, False),
        ("allowed.test", "sub.allowed.test", 443, False),
        ("allowed.test", "allowed.test.evil.test", 443, False),
        ("allowed.test", "evilallowed.test", 443, False),
        ("*.allowed.test", "a.allowed.test", 443, True),
        ("*.allowed.test", "a.b.allowed.test", 443, True),
        ("*.allowed.test", "allowed.test", 443, False),
        ("*.allowed.test", "evilallowed.test", 443, False),
        ("allowed.test:8443", "allowed.test", 8443, True),
        ("allowed.test:8443", "allowed.test", 443, False),
        ("http://allowed.test", "allowed.test", 443, False),
        ("bücher.test", "xn--bcher-kva.test", 443, True),
    ],
)
def test_tunnels(pattern: str, host: str, port: int, allowed: bool) -> None:
    assert AllowList([pattern]).tunnel(host, port) is allowed


@pytest.mark.parametrize(
    ("pattern", "port", "reading", "allowed"),
    [
        ("allowed.test", 80, True, True),
        ("allowed.test", 80, False, False),
        ("allowed.test", 8080, True, False),
        ("allowed.test:8080", 8080, True, True),
        ("allowed.test:8080", 8080, False, False),
        ("http://allowed.test", 80, False, True),
        ("http://allowed.test:8080/", 8080, False, True),
        ("http://allowed.test:8080/", 80, True, False),
    ],
)
def test_plain_requests(pattern: str, port: int, reading: bool, allowed: bool) -> None:
    assert AllowList([pattern]).plain("allowed.test", port, reading=reading) is allowed


@pytest.mark.parametrize(
    "pattern",
    [
        "", "*", "*.", "*.test", "a.*.test", "**.allowed.test", "127.0.0.1", "[::1]", "::1", "10.1", "0x7f.1", "2130706433",
        "allowed.test.", ".allowed.test", "allowed..test", "-a.test", "a_b.test", "user@allowed.test", "allowed.test:0",
        "allowed.test:65536", "allowed.test:http", "allowed.test:", "https://allowed.test", "allowed.test/path",
        "allowed.\ntest", "allowed.test\0.evil.test", "a" * 64 + ".test", "a." * 130 + "test", "٣.test:4٣",
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="allow-host"):
        HostPattern.parse(pattern)


@given(st.text(max_size=40))
def test_a_name_is_refused_or_is_plain_ascii_that_stays_what_it_is(text: str) -> None:
    try:
        name = host_name(text)
    except ValueError:
        return
    assert name == text.lower() == host_name(name)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert not name.endswith(".") and not name.rpartition(".")[2].isdigit()


@given(st.from_regex(r"[0-9a-fx.]{1,20}", fullmatch=True))
def test_no_notation_of_an_address_is_a_name(text: str) -> None:
    try:
        socket.inet_aton(text)  # reads every notation that the C library's resolver reads
    except OSError:
        return
    with pytest.raises(ValueError, match="host name"):
        split_authority(text)
