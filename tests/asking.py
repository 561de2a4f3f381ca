"""A model client that sends requests to a double, retries without waiting and records everything it reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from doubles import Double

from agent.model import client as client_module
from agent.model.client import ModelClient
from agent.model.servers import Server, open_server
from agent.model.types import Reply, Request, Waiting

HI = [{"role": "user", "content": "hi"}]


@dataclass
class ReceivedReplies:
    """The replies to a client's requests, in order; the text, the retries and the waits of all of them together."""

    server: Server
    replies: list[Reply] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    waits: list[Waiting] = field(default_factory=list)

    @property
    def reply(self) -> Reply:
        """The last one."""
        return self.replies[-1]


def without_waiting(monkeypatch: pytest.MonkeyPatch, seconds: float = 5.0) -> None:
    """Retry at once, until the waits between the retries add up to so many seconds."""
    monkeypatch.setattr(client_module, "wait_exponential_jitter", lambda **_: lambda _: 0.0)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", seconds)


def ask(double: Double | str, *requests: Request, **how: Any) -> ReceivedReplies:
    """Send requests (one that says hi, where none is given), one after the other, through one client."""

    async def body() -> ReceivedReplies:
        url = double if isinstance(double, str) else double.base_url
        server = await open_server(url, how.pop("api_key", ""), **how)
        asked = ReceivedReplies(server)
        client = ModelClient(server)
        try:
            for request in requests or (Request(HI, max_tokens=100),):
                reply = await client.complete(request, asked.text.append, asked.retries.append, asked.waits.append)
                asked.replies.append(reply)
        finally:
            await server.close()
        return asked

    return anyio.run(body)


@dataclass
class PersistentClient:
    """One server that stays open, asked by one client from many examples of a test."""

    portal: BlockingPortal
    server: Server

    def reply(self, request: Request | None = None) -> Reply:
        """The reply to a request, else to one that says hi."""
        client = ModelClient(self.server)
        return self.portal.call(client.complete, request or Request(HI, max_tokens=100))


@contextmanager
def persistent_client(double: Double) -> Iterator[PersistentClient]:
    """A client whose server stays open until the end of the context."""
    with start_blocking_portal() as portal:
        server = portal.call(open_server, double.base_url)
        try:
            yield PersistentClient(portal, server)
        finally:
            portal.call(server.close)
