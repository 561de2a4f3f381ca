"""Case 28: the tricks that proxies are tried with. Every host of these tests is on loopback."""

from __future__ import annotations

import asyncio
import gc
import http.client
import shutil
import socket
import ssl
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from proxying import (
    SECONDS,
    Names,
    Upstream,
    allowed_hosts,
    anonymous_tls,
    ask,
    client_hello,
    running_proxy,
    status,
)
from support import eventually

from sandbox.network.allowed import Limits
from sandbox.network.proxy import FilteringProxy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def get(host: str, path: str = "/", *headers: str, method: str = "GET") -> bytes:
    """A request over plain HTTP to a proxy."""
    return "\r\n".join([f"{method} http://{host}{path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


def connect(host: str, header: str | None = None) -> bytes:
    """A request for a tunnel."""
    return f"CONNECT {host} HTTP/1.1\r\nHost: {header or host}\r\n\r\n".encode()


def test_a_plain_request_is_passed_on_and_answered() -> None:
    with Upstream(OK) as upstream, running_proxy(allowed_hosts(f"allowed.test:{upstream.port}")) as port:
        host = f"Allowed.TEST:{upstream.port}"
        answer = ask(
            port,
            get(host, "/a?b=c", "X-Kept: 1", "Proxy-Authorization: Basic c2VjcmV0", "Connection: X-Hop", "X-Hop: 1"),
        )
    assert status(answer) == 200 and answer.endswith(b"hello")
    (sent,) = upstream.received
    assert sent.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: allowed.test:%d\r\n" % upstream.port)
    assert b"1" in sent and b"kept" in sent.lower()
    assert b"authorization" not in sent.lower() and b"hop" not in sent.lower()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    ],
)
def test_every_framing_of_an_answer_is_read(answer: bytes) -> None:
    with Upstream(answer) as upstream, running_proxy(allowed_hosts(f"allowed.test:{upstream.port}")) as port:
        got = ask(port, get(f"allowed.test:{upstream.port}"))
    assert status(got) == 200 and got.replace(b"\r\n3\r\n", b"").replace(b"\r\n2\r\n", b"").count(b"hel") == 1


def test_a_tunnel_carries_a_whole_tls_connection() -> None:
    with Upstream(b"answered", tls=True, wait=b"asked") as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}")
        with running_proxy(allowed) as port, socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as raw:
            raw.sendall(connect(f"allowed.test:{upstream.port}"))
            assert status(raw.recv(1 << 16)) == 200
            with anonymous_tls().wrap_socket(raw, server_hostname="allowed.test") as tls:
                tls.sendall(b"asked")
                assert tls.recv(100) == b"answered"
        assert upstream.received == [b"asked"] and allowed.take_refusals() == []


@pytest.mark.parametrize("client", ["http.client", "curl"])
def test_clients_as_they_are_get_through(client: str) -> None:
    with Upstream(OK, tls=True) as upstream:
        host = f"allowed.test:{upstream.port}"
        with running_proxy(allowed_hosts(host)) as port:
            if client == "http.client":
                connection = http.client.HTTPSConnection("127.0.0.1", port, context=anonymous_tls(), timeout=SECONDS)
                connection.set_tunnel("allowed.test", upstream.port)
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"hello"
                connection.close()
            elif curl := shutil.which("curl"):
                options = ["-sS", "--noproxy", "", "-x", f"http://127.0.0.1:{port}", "--max-time", str(SECONDS), "-k"]
                ciphers = ["--ciphers", "aNULL:@SECLEVEL=0", "--tls-max", "1.2"]
                command = [curl, *options, *ciphers, f"https://{host}/"]
                done = subprocess.run(command, capture_output=True, check=False)
                assert done.stdout == b"hello", done.stderr
    assert curl_or_python_spoke(upstream)


def curl_or_python_spoke(upstream: Upstream) -> bool:
    return shutil.which("curl") is None or upstream.received[0].startswith(b"GET / HTTP/1.1")


@pytest.mark.parametrize(
    "request_line",
    [
        # other hosts, and names that look like the allowed one
        "GET http://evil.test/ HTTP/1.1", "GET http://allowed.test.evil.test/ HTTP/1.1",
        "GET http://evilallowed.test/ HTTP/1.1", "CONNECT evil.test:443 HTTP/1.1",
        "CONNECT allowed.test.evil.test:443 HTTP/1.1",
        # other ports
        "GET http://allowed.test:22/ HTTP/1.1", "CONNECT allowed.test:22 HTTP/1.1", "CONNECT allowed.test:80 HTTP/1.1",
        "GET http://allowed.test:443/ HTTP/1.1", "CONNECT allowed.test:0 HTTP/1.1", "CONNECT allowed.test:65979 HTTP/1.1",
        "CONNECT allowed.test HTTP/1.1", "CONNECT allowed.test: HTTP/1.1", "CONNECT allowed.test:443:80 HTTP/1.1",
        # addresses, in every notation
        "GET http://127.0.0.1/ HTTP/1.1", "GET http://[::1]/ HTTP/1.1", "GET http://2130706433/ HTTP/1.1",
        "GET http://0x7f.1/ HTTP/1.1", "GET http://127.1/ HTTP/1.1", "CONNECT 127.0.0.1:443 HTTP/1.1",
        "CONNECT [::1]:443 HTTP/1.1", "CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1", "CONNECT 017700000001:443 HTTP/1.1",
        # NUL, line ends, userinfo, trailing dots, letters outside ASCII
        "GET http://allowed.test\0.evil.test/ HTTP/1.1", "GET http://evil.test\0.allowed.test/ HTTP/1.1",
        "GET http://allowed.test%00.evil.test/ HTTP/1.1", "GET http://allowed.test\r\n.evil.test/ HTTP/1.1",
        "GET http://allowed.test@evil.test/ HTTP/1.1", "GET http://evil.test@allowed.test/ HTTP/1.1",
        "GET http://evil.test#@allowed.test/ HTTP/1.1", "GET http://evil.test\\@allowed.test/ HTTP/1.1",
        "GET http://allowed.test\\.evil.test/ HTTP/1.1", "GET http://evil.test;allowed.test/ HTTP/1.1",
        "GET http://allowed.test./ HTTP/1.1", "CONNECT allowed.test.:443 HTTP/1.1", "CONNECT .allowed.test:443 HTTP/1.1",
        "CONNECT user@allowed.test:443 HTTP/1.1", "CONNECT allowed.test\0.evil.test:443 HTTP/1.1",
        "GET http://allowed。test/ HTTP/1.1", "GET http://ａllowed.test/ HTTP/1.1", "GET http://аllowed.test/ HTTP/1.1",
        # requests that are not a proxy's
        "GET / HTTP/1.1", "GET //allowed.test/ HTTP/1.1", "GET https://allowed.test/ HTTP/1.1",
        "GET ftp://allowed.test/ HTTP/1.1", "GET http:/allowed.test/ HTTP/1.1", "OPTIONS * HTTP/1.1",
        "CONNECT http://allowed.test:443 HTTP/1.1", "CONNECT /run/socket HTTP/1.1",
        # methods
        "POST http://allowed.test/ HTTP/1.1", "PUT http://allowed.test/ HTTP/1.1", "TRACE http://allowed.test/ HTTP/1.1",
        "get http://allowed.test/ HTTP/1.1", "connect allowed.test:443 HTTP/1.1",
        # what is no HTTP/1.1
        "GET http://allowed.test/", "PRI * HTTP/2.0", "GET http://allowed.test/ HTTP/3.0", "\x16\x03\x01\x00\x05hello",
        "SSH-2.0-client", "",
    ],
)  # fmt: skip
def test_case_28_a_request_line_that_must_not_pass(request_line: str) -> None:
    names = Names()
    allowed = allowed_hosts("allowed.test", names=names)
    with running_proxy(allowed) as port:
        answer = ask(port, f"{request_line}\r\nHost: allowed.test\r\n\r\n".encode())
    assert 400 <= status(answer) < 600
    assert names.asked == []  # nobody is asked for the name either
    (refusal,) = allowed.take_refusals()
    assert refusal.reason and (refusal.target + refusal.reason).isprintable()


@pytest.mark.parametrize(
    "headers",
    [
        "Host: evil.test", "Host: allowed.test\r\nHost: evil.test", "Host: allowed.test\r\nHost: allowed.test",
        "Host: allowed.test, evil.test", "Host: allowed.test:81", "Host: allowed.test.", "Host: user@allowed.test",
        "Host: 127.0.0.1", "Host: allowed.test\0evil.test", "X-No-Host: 1", "Host:\tevil.test", "Host : evil.test",
        # smuggling: a body whose end two readers see at different places
        "Host: allowed.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "Host: allowed.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
        "Host: allowed.test\r\nTransfer-Encoding: chunked", "Host: allowed.test\r\nContent-Length: 5",
        "Host: allowed.test\r\nTransfer-Encoding: xchunked", "Host: allowed.test\r\nTransfer-Encoding: chunked, identity",
        "Host: allowed.test\r\nTransfer-Encoding : chunked", "Host: allowed.test\r\nTransfer-Encoding:\x0bchunked",
        "Host: allowed.test\r\nContent-Length: 5\r\nContent-Length: 6", "Host: allowed.test\r\nContent-Length: -1",
        "Host: allowed.test\r\nContent-Length: +5", "Host: allowed.test\r\nContent-Length: 0x5",
        "Host: allowed.test\r\nX-Long: " + "a" * 20_000,
    ],
)  # fmt: skip
def test_case_28_headers_that_must_not_pass(headers: str) -> None:
    names = Names()
    with running_proxy(allowed_hosts("allowed.test", names=names)) as port:
        answer = ask(port, f"GET http://allowed.test/ HTTP/1.1\r\n{headers}\r\n\r\n".encode("latin-1"))
    assert 400 <= status(answer) < 600 and names.asked == []


def test_case_28_what_follows_a_request_is_not_a_second_one() -> None:
    with Upstream(OK) as upstream, running_proxy(allowed_hosts(f"allowed.test:{upstream.port}")) as port:
        host = f"allowed.test:{upstream.port}"
        answer = ask(port, get(host, "/first") + get(host, "/second"))
    assert answer.count(b"HTTP/1.1") == 1
    assert [each.split(b" ")[1] for each in upstream.received] == [b"/first"]


def test_case_28_line_ends_of_one_kind_only_are_passed_on() -> None:
    with Upstream(OK) as upstream, running_proxy(allowed_hosts(f"allowed.test:{upstream.port}")) as port:
        host = f"allowed.test:{upstream.port}"
        ask(port, f"GET http://{host}/ HTTP/1.1\nHost: {host}\nX-A: b\r\n c\nX-B: 2\n\n".encode())
    for sent in upstream.received:  # refused, or written anew
        assert sent.replace(b"\r\n", b"").count(b"\n") == 0 and b"x-a: b c" in sent.lower()


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (client_hello("evil.test"), "another host"),
        (client_hello("allowed.test.evil.test"), "another host"),
        (client_hello(None), "does not name its host"),
        (b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n", "no TLS"),
        (b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", "no TLS"),
        (b"SSH-2.0-client\r\n", "no TLS"),
        (b"\x16\x03\x01\x00\x00", "no TLS"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "ClientHello"),
        (b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes(16380), "ClientHello"),
    ],
)
def test_case_28_what_a_tunnel_must_not_carry(first: bytes, why: str) -> None:
    with Upstream(OK, wait=b"never") as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}")
        with running_proxy(allowed) as port:
            answer = ask(port, connect(f"allowed.test:{upstream.port}"), first)
        assert status(answer) == 200
        assert b"".join(upstream.received) == b""  # not a byte of it has left
    (refusal,) = allowed.take_refusals()
    assert why in refusal.reason


def test_case_28_a_tunnel_within_a_tunnel_is_not_opened() -> None:
    with Upstream(OK, wait=b"never") as upstream:
        names = Names()
        with running_proxy(allowed_hosts(f"allowed.test:{upstream.port}", names=names)) as port:
            ask(port, connect(f"allowed.test:{upstream.port}") + connect("evil.test:443"))
        assert b"".join(upstream.received) == b"" and names.asked == ["allowed.test"]


@pytest.mark.parametrize(
    "address", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "127.0.0.1 10.0.0.1", ""]
)
@pytest.mark.parametrize("head", [connect("allowed.test:443"), get("allowed.test")], ids=["tunnel", "plain"])
def test_case_28_a_name_that_leads_to_an_address_that_may_not_be_reached(address: str, head: bytes) -> None:
    allowed = allowed_hosts("allowed.test", names=Names(allowed_test=address))
    with running_proxy(allowed) as port:
        assert status(ask(port, head)) == 403
    assert "not a public one" in allowed.take_refusals()[0].reason


def test_case_28_the_address_that_was_checked_is_the_one_connected_to() -> None:
    """A name whose address changes after the check: it is looked up once for each request."""

    class Rebinding(Names):
        async def __call__(self, host: str, port: int) -> list:  # type: ignore[type-arg]
            found = await super().__call__(host, port)
            self.table[host] = "10.0.0.1"
            return found

    with Upstream(OK) as upstream:
        names = Rebinding()
        with running_proxy(allowed_hosts(f"allowed.test:{upstream.port}", names=names)) as port:
            assert status(ask(port, get(f"allowed.test:{upstream.port}"))) == 200
            assert names.asked == ["allowed.test"]
            assert status(ask(port, get(f"allowed.test:{upstream.port}"))) == 403


def test_other_methods_only_where_they_are_asked_for() -> None:
    with (
        Upstream(OK, wait=b"body") as upstream,
        running_proxy(allowed_hosts(f"http://allowed.test:{upstream.port}")) as port,
    ):
        host = f"allowed.test:{upstream.port}"
        assert status(ask(port, get(host, "/", "Content-Length: 4", method="POST") + b"body")) == 200
        chunked = get(host, "/", "Transfer-Encoding: chunked", "Expect: 100-continue", method="PUT")
        answer = ask(port, chunked, b"4\r\nbody\r\n0\r\n\r\n")
        assert b"HTTP/1.1 100" in answer and answer.endswith(b"hello")
    assert upstream.received[0].startswith(b"POST / ") and upstream.received[1].startswith(b"PUT / ")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"HTTP/1.1 101 Switch\r\n\r\n",
        b"SSH-2.0-server\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20), b"",
    ],
)  # fmt: skip
def test_an_answer_that_is_malformed_is_not_passed_on(answer: bytes) -> None:
    with Upstream(answer) as upstream, running_proxy(allowed_hosts(f"allowed.test:{upstream.port}")) as port:
        got = ask(port, get(f"allowed.test:{upstream.port}"))
    assert status(got) in {0, 502} and b"SSH" not in got.partition(b"\r\n\r\n")[0]


def test_what_was_refused_is_remembered_once_each_with_the_host_that_was_wanted() -> None:
    allowed = allowed_hosts("allowed.test")
    with running_proxy(allowed) as port:
        for _ in range(3):
            answer = ask(port, connect("wanted.test:443"))
            ask(port, get("wanted.test:8080", "/secret?token=1"))
    assert answer.startswith(b"HTTP/1.1 403 wanted.test: not allowed (--allow-host)\r\n")
    assert [each.host for each in allowed.take_refusals()] == ["wanted.test", "wanted.test:8080"]
    assert allowed.take_refusals() == [] and allowed.refused_count == 6


def test_a_host_that_is_unknown_or_does_not_answer_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = unused.getsockname()[1]
    allowed = allowed_hosts(f"allowed.test:{closed}", "unknown.test")
    with running_proxy(allowed) as port:
        assert status(ask(port, get(f"allowed.test:{closed}"))) == 502
        assert status(ask(port, connect("unknown.test:443"))) == 502


def test_bounds_of_bytes_hold_in_both_directions() -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000)
    with Upstream(big) as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}", limits=Limits(received_bytes=100_000))
        with running_proxy(allowed) as port:
            assert len(ask(port, get(f"allowed.test:{upstream.port}"))) < 300_000
        assert "too many bytes were received" in allowed.take_refusals()[0].reason
    with Upstream(OK, wait=b"never") as upstream:
        allowed = allowed_hosts(f"http://allowed.test:{upstream.port}", limits=Limits(sent_bytes=100_000))
        with running_proxy(allowed) as port:
            ask(
                port,
                get(f"allowed.test:{upstream.port}", "/", "Content-Length: 1000000", method="POST") + bytes(1_000_000),
            )
        eventually(lambda: upstream.received)  # by a thread of its own, which may come late
        assert len(upstream.received[0]) < 300_000
        assert "too many bytes were sent" in allowed.take_refusals()[0].reason


def test_bounds_of_a_tunnels_bytes_hold() -> None:
    with Upstream(wait=b"never") as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}", limits=Limits(sent_bytes=100_000))
        with running_proxy(allowed) as port:
            ask(port, connect(f"allowed.test:{upstream.port}"), client_hello("allowed.test") + bytes(1_000_000))
        eventually(lambda: upstream.received)  # by a thread of its own, which may come late
        assert len(upstream.received[0]) < 300_000
        assert "too many bytes were sent" in allowed.take_refusals()[0].reason


def test_slow_idle_and_too_many_connections_end() -> None:
    limits = Limits(connections=3, head_seconds=0.2, idle_seconds=0.2)
    with Upstream(wait=b"never") as upstream:
        allowed = allowed_hosts(f"allowed.test:{upstream.port}", limits=limits)
        with running_proxy(allowed) as port:
            assert status(ask(port, b"GET http://allowed.test/ HT")) == 408
            assert status(ask(port, connect(f"allowed.test:{upstream.port}"), b"\x16\x03")) == 200
            assert status(ask(port, get(f"allowed.test:{upstream.port}"))) == 0
    with running_proxy(allowed_hosts("allowed.test", limits=Limits(connections=3))) as port:
        idle = [socket.create_connection(("127.0.0.1", port), timeout=SECONDS) for _ in range(3)]
        eventually(lambda: status(ask(port, get("evil.test"))) == 503)
        idle.pop().close()
        eventually(lambda: status(ask(port, get("evil.test"))) == 403)
        for each in idle:
            each.close()


@pytest.mark.parametrize("turns", range(8))
def test_a_proxy_that_ends_while_it_accepts_keeps_no_connection(turns: int) -> None:
    async def body() -> bytes:
        proxy = FilteringProxy(allowed_hosts("allowed.test"))
        listener = socket.create_server(("127.0.0.1", 0))
        await proxy._serve(listener)
        await asyncio.sleep(0)
        with socket.create_connection(listener.getsockname(), timeout=SECONDS) as connection:
            for _ in range(turns):  # of the event loop, in each of which it is at another point
                await asyncio.sleep(0)
            await proxy._stop()
            try:
                return connection.recv(10)
            except ConnectionResetError:  # it was never accepted
                return b""

    gc.disable()  # it must not be the collector that closes the connection, some time later
    try:
        assert asyncio.run(body()) == b""
    finally:
        gc.enable()


def test_a_stopped_proxy_ends_its_connections() -> None:
    proxy = FilteringProxy(allowed_hosts("allowed.test"))
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    proxy.serve(listener)
    with socket.create_connection(address, timeout=SECONDS) as connection:
        eventually(lambda: proxy._running)  # else the system resets it, since nobody has accepted it
        proxy.stop()
        assert connection.recv(10) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address, timeout=SECONDS)


FRAGMENTS = st.sampled_from([
    b"GET", b"CONNECT", b"POST", b" ", b"\t", b"\r\n", b"\n", b"\r", b"\0", b"http://", b"https://", b"allowed.test",
    b"evil.test", b"127.0.0.1", b"[::1]", b":443", b":80", b"@", b".", b"/", b"\\", b"#", b"%00", b"HTTP/1.1", b"HTTP/1.0",
    b"Host: ", b"Host: allowed.test", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"\xff", b"\x16\x03\x01", b"a" * 5000,
])  # fmt: skip
HEADS = st.lists(FRAGMENTS, max_size=24).map(b"".join) | st.binary(max_size=200)


@given(HEADS)
@example(b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
def test_case_28_no_request_head_reaches_another_host(shared_proxy: tuple[int, Names], head: bytes) -> None:
    port, names = shared_proxy
    names.asked.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while data := connection.recv(1 << 16):
                answer += data
        except ConnectionError:
            pass
    assert set(names.asked) <= {"allowed.test"}
    assert not answer or 400 <= status(answer) < 600  # the allowed host's address may not be reached here


@pytest.fixture(scope="module")
def shared_proxy() -> object:
    """One proxy for all examples; the allowed host's address is refused, so that nothing is connected to."""
    names = Names(allowed_test="10.0.0.1")
    with running_proxy(allowed_hosts("allowed.test", names=names)) as port:
        yield port, names


def test_tls_contexts_of_these_tests_name_the_host() -> None:
    assert b"allowed.test" in client_hello("allowed.test") and ssl.HAS_SNI
