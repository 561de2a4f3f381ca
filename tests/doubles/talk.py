"""How the tests of servers talk to one: requests, what came of them, quick retries."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from agent.model.client import ModelClient
from agent.model.servers import Server, open_server
from agent.model.types import Reply, Request, Sampling, Waiting
from doubles.base import Double

HI = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
SHELL = {
    "type": "function",
    "function": {
        "name": "shell",
        "description": "Run a command.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    },
}
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
ARGUMENTS = '{"command":  "ls -l é", "deep": {"b": 1.0, "a": [true, null, 1e2]}}'  # no JSON library writes it like that
SAMPLING = Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.05, repeat_penalty=1.05, seed=7)
OWN_ID = re.compile(r"[A-Za-z0-9]{9}")


@dataclass
class Talk:
    """What came of requests to one server."""

    server: Server
    replies: list[Reply] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    waits: list[Waiting] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    @property
    def reply(self) -> Reply:
        """The last one."""
        return self.replies[-1]


Use = Callable[[Server], Awaitable[Any]]


def with_server(base_url: str, use: Use, progress: list[str] | None = None, **how: Any) -> Any:
    """What `use` gives of the server at an address."""

    async def body() -> Any:
        said = progress if progress is not None else []
        server = await open_server(base_url, how.pop("api_key", ""), **how, on_progress=said.append)
        try:
            return await use(server)
        finally:
            await server.close()

    return anyio.run(body)


def talk(base_url: str, *requests: Request, **how: Any) -> Talk:
    """Send requests, one after the other, through one client."""
    progress: list[str] = []

    async def use(server: Server) -> Talk:
        said = Talk(server, progress=progress)
        client = ModelClient(server)
        for request in requests:
            said.text.clear()
            reply = await client.complete(request, said.text.append, said.retries.append, said.waits.append)
            said.replies.append(reply)
        return said

    return with_server(base_url, use, progress, **how)  # type: ignore[no-any-return]


def asked(messages: list[dict[str, Any]] | None = None, **more: Any) -> Request:
    return Request(messages or HI, 64, **more)


def calls(*calls: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"calls": list(calls), **more}


def figures(server: Server) -> tuple[int | None, int | None, int | None]:
    return server.window.held, server.window.asked, server.window.trained


def opened(double: Double, **how: Any) -> Server:
    """The server at a double, closed again."""
    return talk(double.base_url, **how).server
