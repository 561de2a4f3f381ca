"""A model server: its window, its capabilities, one reply. What a kind of server does differently is a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from agent.errors import BackendRefused
from agent.model.http import ask_json
from agent.model.library import import_chat_completions
from agent.model.types import OnText, OnWait, Reply, Request, SlotChoice

if TYPE_CHECKING:
    import httpx2

    from agent.model.chat_completions import ChatCompletions

ENOUGH = 32_768
"""A context window in tokens that is enough for an agent: a larger one is asked for where the server's is less."""

NO_MODEL = "default"
"""The model's name where neither the user nor the server names one."""

Constraint = Literal["json_schema", "structured_outputs", "format", ""]
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Window:
    """Context windows in tokens; None is unknown.

    `held` is what the server allocated (for one slot), `asked` what it was asked for, `trained` the model's own.
    """

    held: int | None = None
    asked: int | None = None
    trained: int | None = None

    @property
    def size(self) -> int | None:
        """The smallest known one: the window that can be used."""
        return min((each for each in (self.held, self.asked, self.trained) if each), default=None)


@dataclass(frozen=True)
class Capabilities:
    """What a server says that it supports. Whether it does is measured: by `ToolCallPolicy`, and by `doctor`.

    `tools`: native tool calls, None is unknown; `constrain`: the request's field for a schema; `continues`: a reply
    can be prefilled; `counts`: it counts a prompt's tokens; `reports_cached`: its usage has cached tokens; `slots`:
    requests that it processes in parallel, 1 where unknown.
    """

    tools: bool | None = None
    constrain: Constraint = "json_schema"
    continues: bool = False
    counts: bool = False
    reports_cached: bool = False
    slots: int = 1


@dataclass(frozen=True)
class Address:
    """A server's address: `base_url` as given, its `root` without `/v1`, an HTTP client with the key for both."""

    base_url: str
    http: httpx2.AsyncClient

    @property
    def root(self) -> str:
        """The base of the server's native endpoints."""
        return self.base_url.removesuffix("/v1")

    async def get(self, path: str) -> dict[str, Any] | None:
        """The JSON object at a path below the root, or None."""
        return await ask_json(self.http, "GET", self.root + path)

    async def post(self, path: str, body: Any, *, seconds: float = 10.0) -> dict[str, Any] | None:
        """The JSON object that answers a posted one, or None; `seconds` is the timeout."""
        return await ask_json(self.http, "POST", self.root + path, body, seconds=seconds)


def _any_slot(_: SlotChoice) -> int | None:
    return None


class Server:
    """One model at one server. The base class is the OpenAI API as it is.

    `advice` is a line for the user on the window, empty where there is nothing to say; `slot_for` chooses a request's
    slot.
    """

    name: ClassVar[str] = "generic"
    can: Capabilities = Capabilities()

    def __init__(self, address: Address, model: str, *, version: str = "", window: Window | None = None) -> None:
        self.address = address
        self.model = model
        self.version = version
        self.window = window or Window()
        self.advice = ""
        self.slot_for: Callable[[SlotChoice], int | None] = _any_slot
        self._chat: ChatCompletions | None = None
        self._refused: set[str] = set()  # sampling parameters this server does not take

    @property
    def title(self) -> str:
        """The server's name and version."""
        return f"{self.name} {self.version}".strip()

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """The server at an address with its window and capabilities, or None where it is of another kind.

        `model` is the model's name there, `entry` its entry in `/v1/models`, or that of the first one.
        """
        del entry
        return cls(address, model)

    async def inspect(self) -> None:
        """Set `window` and `advice` without changing anything at the server."""
        self.advice = self._advice()

    async def load(self, context: int | None, on_progress: OnProgress) -> None:
        """Load the model with a window of `context` tokens, where the server has an endpoint for that.

        Sets `window` and `advice`. Raises `BackendError`s.
        """
        del on_progress
        self.window = replace(self.window, asked=context)
        self.advice = self._advice()

    async def running(self) -> str | None:
        """The name of the model that is loaded, where the server has several and says so."""
        return None

    async def reply(self, request: Request, on_text: OnText, on_wait: OnWait) -> Reply:
        """The reply to a request. Raises `RetryableError` and `BackendError`s.

        Sampling parameters that the server refuses by name are left out of this and all later requests.
        """
        while True:
            try:
                return await self._reply(request, on_text, on_wait)
            except BackendRefused as error:
                names = {name for name in self._extra_sampling(request) if name in error.message}
                if error.status not in {400, 422} or not names:
                    raise
                self._refused |= names

    async def _reply(self, request: Request, on_text: OnText, on_wait: OnWait) -> Reply:
        if self._chat is None:
            self._chat = (await import_chat_completions())(self.address.base_url, self.address.http)
        reply = await self._chat.send(self.body(request), on_text, on_wait)
        if request.begun and not reply.content.startswith(request.begun):
            reply = replace(reply, content=request.begun + reply.content)
        return reply

    async def count(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int | None:
        """The tokens of a prompt by the server's count, or None where it has no endpoint for that."""
        del messages, tools
        return None

    def release_slot(self) -> bool:
        """Leave the choice of slots to the server; returns whether it was not left to it before."""
        before, self.slot_for = self.slot_for, _any_slot
        return before("own") is not None

    async def close(self) -> None:
        """Close the connections."""
        await self.address.http.aclose()

    def body(self, request: Request) -> dict[str, Any]:
        """The request as it is sent."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": request.messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": request.max_tokens,
        }
        extra = self._extra_sampling(request) | self._extra()
        for name in ("temperature", "top_p", "seed"):
            if (value := getattr(request.sampling, name)) is not None:
                body[name] = value
        if request.tools:
            body["tools"] = request.tools
        if request.json_schema is not None:
            self._constrain(body, extra, request.json_schema)
        if request.begun:
            body["messages"] = [*request.messages, {"role": "assistant", "content": request.begun}]
            extra |= {"add_generation_prompt": False, "continue_final_message": True}
        if extra:
            body["extra_body"] = extra
        return body

    def _extra_sampling(self, request: Request) -> dict[str, Any]:
        """Sampling parameters beyond the original API, under the names of most local servers."""
        given = {
            "top_k": request.sampling.top_k,
            "min_p": request.sampling.min_p,
            self._repeat_penalty: request.sampling.repeat_penalty,
        }
        return {name: value for name, value in given.items() if value is not None and name not in self._refused}

    _repeat_penalty: ClassVar[str] = "repeat_penalty"

    def _extra(self) -> dict[str, Any]:
        """The fields that this kind of server gets with every request."""
        return {}

    def _constrain(self, body: dict[str, Any], extra: dict[str, Any], schema: dict[str, Any]) -> None:
        """Add the fields that constrain the reply by a schema."""
        del extra
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": schema},
        }

    def _advice(self) -> str:
        """A line for the user when the window is smaller than it could be; empty when it is not."""
        held, trained, asked = self.window.held, self.window.trained, self.window.asked
        if asked and trained and asked > trained and (held is None or held >= trained):
            return f"{self.model} was trained for a window of {trained:,} tokens; {asked:,} were asked for"
        wanted = min(asked or trained or ENOUGH, trained or asked or ENOUGH)
        if held is None or held >= wanted:
            return ""
        says = f"{self.name} holds a window of {held:,} tokens; "
        says += f"{asked:,} were asked for" if asked else f"{self.model} was trained for {wanted:,}"
        remedy = self._remedy(wanted if asked else max(min(wanted, ENOUGH), min(wanted, 2 * held)))
        return f"{says}{'; ' + remedy if remedy else ''}"

    def _remedy(self, window: int) -> str:
        """What to run for a window of `window` tokens; empty when unknown."""
        del window
        return ""
