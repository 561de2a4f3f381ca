"""One client for all: a server on this machine is reached directly, another through the proxy of the environment."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from doubles import GenericDouble
from doubles.base import Exchange

from agent.model.http import ask_json, is_loopback, open_http

DEAD = "http://127.0.0.1:9"


@pytest.fixture
def double() -> Iterator[GenericDouble]:
    with GenericDouble("hello") as running:
        yield running  # type: ignore[misc]


def proxies(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """An environment whose proxy for everything is `url`."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, url)
        monkeypatch.setenv(name.lower(), url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def got(base_url: str, path: str = "/v1/models", **more: Any) -> dict[str, Any] | None:
    """What `ask_json` gets from below an address."""

    async def body() -> dict[str, Any] | None:
        async with open_http(base_url) as http:
            return await ask_json(http, more.get("method", "GET"), base_url + path, more.get("body"), seconds=20)

    return anyio.run(body)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://127.8.9.1", True),
        ("http://localhost:1234", True),
        ("http://LOCALHOST", True),
        ("http://models.localhost/v1", True),
        ("http://[::1]:8080/v1", True),
        ("http://user:word@127.0.0.1:1/v1", True),
        ("http://10.0.0.5/v1", False),
        ("http://example.test/127.0.0.1", False),
        ("http://127.0.0.1@example.test/v1", False),
        ("http://127.0.0.1.example.test/v1", False),
        ("http://localhost.example.test/v1", False),
        ("http://notlocalhost/v1", False),
        ("nonsense", False),
        ("http://[::1/v1", False),
        ("", False),
    ],
)
def test_what_is_this_machine(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_here_is_reached_whatever_proxy_is_named(
    host: str, double: GenericDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies(monkeypatch, DEAD)
    assert got(f"http://{host}:{double.port}") == {"object": "list", "data": [double.model_entry()]}


def test_a_proxy_never_hears_of_a_server_here(double: GenericDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    with GenericDouble("hello", model="the-proxy") as proxy:
        proxies(monkeypatch, proxy.root)
        found = got(double.root)
        assert found is not None and found["data"][0]["id"] == "scripted"
        assert proxy.seen == []


def test_a_server_elsewhere_is_asked_through_the_proxy(double: GenericDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    proxies(monkeypatch, double.root)
    assert got("http://models.example.test") == {"object": "list", "data": [double.model_entry()]}
    (seen,) = double.seen
    assert seen.headers["host"] == "models.example.test"


def test_the_key_is_sent_and_without_one_nothing_is(double: GenericDouble) -> None:
    async def body(key: str) -> None:
        async with open_http(double.root, key) as http:
            await ask_json(http, "POST", f"{double.root}/x", {"é": 1})

    anyio.run(body, "secret")
    anyio.run(body, "")
    assert [seen.headers.get("authorization") for seen in double.seen] == ["Bearer secret", None]
    assert [seen.body for seen in double.seen] == [{"é": 1}] * 2


class Odd(GenericDouble):
    """Answers of its own to any address."""

    status = 200
    data = b"{}"
    more: dict[str, str] = {}  # noqa: RUF012

    def handle(self, exchange: Exchange) -> None:
        """The one answer."""
        self.seen.append(exchange.seen)
        exchange.send(self.data, self.status, "application/json", **self.more)


@pytest.mark.parametrize(
    ("status", "data", "found"),
    [
        (200, b'{"a": 1}', {"a": 1}),
        (200, b"{}", {}),
        (200, b"[1]", None),
        (200, b"null", None),
        (200, b"<html>", None),
        (200, b'{"a": ', None),
        (200, b'\xff\xfe{"a"', None),
        (200, b"", None),
        (404, b'{"a": 1}', None),
        (500, b'{"a": 1}', None),
    ],
)
def test_anything_but_an_object_is_nothing(status: int, data: bytes, found: dict[str, Any] | None) -> None:
    with Odd() as odd:
        odd.status, odd.data = status, data  # type: ignore[attr-defined]
        assert got(odd.root) == found


def test_a_redirection_is_not_followed(double: GenericDouble) -> None:
    with Odd() as odd:
        odd.status, odd.more = 302, {"Location": f"{double.root}/v1/models"}  # type: ignore[attr-defined]
        assert got(odd.root) is None
        assert (len(odd.seen), double.seen) == (1, [])


def test_where_nothing_answers_is_nothing() -> None:
    assert got(DEAD) is None


def test_a_server_that_closes_what_it_said_it_keeps_is_asked_anew() -> None:
    def answer(connection: socket.socket) -> None:
        """One answer that promises more of them; what comes next on the same connection is hung up on."""
        with connection:
            connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 11\r\n\r\n" + b'{"here": 1}'
            )
            connection.recv(65536)

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            answer(listener.accept()[0])

    async def body(base_url: str) -> list[dict[str, Any] | None]:
        async with open_http(base_url) as http:
            return [await ask_json(http, "GET", base_url, seconds=20) for _ in range(2)]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,), daemon=True)
        serving.start()
        assert anyio.run(body, f"http://127.0.0.1:{listener.getsockname()[1]}") == [{"here": 1}, {"here": 1}]
        serving.join()
