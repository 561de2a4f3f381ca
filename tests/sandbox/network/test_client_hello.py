"""The name in a ClientHello: as OpenSSL writes it, cut anywhere, split into records, and forged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxying import client_hello

from sandbox.network.client_hello import server_name

HELLO = client_hello("allowed.test")


def records(message: bytes, size: int) -> bytes:
    """A message in records of at most `size` bytes."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in parts)


def vector(content: bytes, length_bytes: int = 2) -> bytes:
    return len(content).to_bytes(length_bytes, "big") + content


def name_extension(*names: bytes, kind: int = 0) -> bytes:
    return b"\0\0" + vector(vector(b"".join(bytes([kind]) + vector(name) for name in names)))


def hello(extensions: bytes, after: bytes = b"") -> bytes:
    body = (
        b"\x03\x03" + bytes(32) + vector(b"", 1) + vector(b"\x13\x01") + vector(b"\0", 1) + vector(extensions) + after
    )
    return records(b"\x01" + vector(body, 3), 1 << 14)


@pytest.mark.parametrize("size", [1, 3, 100, 16384])
def test_the_name_is_found_whatever_the_records(size: int) -> None:
    assert server_name(records(HELLO[5:], size)) == "allowed.test"
    assert server_name(records(HELLO[5:], size) + b"more") == "allowed.test"


def test_of_a_part_more_is_wanted() -> None:
    assert {server_name(HELLO[:size]) for size in range(len(HELLO))} == {None}
    assert server_name(HELLO) == "allowed.test"


@pytest.mark.parametrize(
    ("extensions", "why"),
    [
        (b"", "does not name"),
        (name_extension(), "cut off"),
        (name_extension(b"a.test", b"b.test"), "too many"),
        (name_extension(b"a.test") + name_extension(b"b.test"), "does not name"),
        (name_extension(b"a.test") * 2, "does not name"),
        (name_extension(b"a.test", kind=1), "does not name"),
        (name_extension(b"a.test")[:-1], "cut off"),
        (b"\0\0" + vector(vector(b"\0" + vector(b"a.test")) + b"x"), "too many"),
        (name_extension(b"a.test") + b"\xfe\x0d" + vector(b""), "encrypts"),
        (name_extension(b"a.test") + b"\xff\xce" + vector(b""), "encrypts"),
        (name_extension("bücher.test".encode()), "ascii"),
        (name_extension(b"a.test") + b"\0", "cut off"),
    ],
)
def test_what_no_server_reads_in_one_way_is_refused(extensions: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        server_name(hello(extensions))


def test_the_helper_of_these_tests_writes_a_valid_one() -> None:
    assert server_name(hello(b"\x00\x2b" + vector(b"\x02\x03\x04") + name_extension(b"a.test"))) == "a.test"
    with pytest.raises(ValueError, match="too many"):
        server_name(hello(name_extension(b"a.test"), after=b"x"))


@given(st.binary(max_size=300), st.integers(0, len(HELLO)), st.integers(0, len(HELLO)))
def test_anything_else_is_refused_or_incomplete_and_never_an_error_of_another_kind(
    data: bytes, at: int, to: int
) -> None:
    for forged in (data, HELLO[:at] + data + HELLO[to:]):
        try:
            found = server_name(forged)
        except ValueError:
            continue
        assert found is None or found.isascii()
