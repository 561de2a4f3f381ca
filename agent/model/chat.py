"""Chat completions: a request sent to an OpenAI-compatible server by the SDK, once, and its stream put together."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.errors import BackendRefused
from agent.model.faults import Transient, broken_off, is_connection_error, status_error, stream_error, unreachable
from agent.model.repetition import RepetitionWatch
from agent.model.types import OnText, OnWait, Reply, Timings, ToolCall, Usage, Waiting, new_call_id

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

REPETITION = "repetition"


class ChatCompletions:
    """The chat completions of one server, over an HTTP client that stays the caller's."""

    def __init__(self, base_url: str, api_key: str, http: httpx2.AsyncClient) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._http = http
        self._made: AsyncOpenAI | None = None

    @property
    def _client(self) -> AsyncOpenAI:
        """The SDK's client; its own retries are off, since ours know more."""
        if self._made is None:
            from openai import AsyncOpenAI

            self._made = AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key or "none",
                max_retries=0,
                http_client=self._http,
                timeout=self._http.timeout,
            )
        return self._made

    async def send(self, body: dict[str, Any], on_text: OnText, on_wait: OnWait) -> Reply:
        """The whole reply to a request's body. What is not of the original API goes under `extra_body`.

        Raises `Transient` and `BackendError`s; nothing of a stream that broke is given.
        """
        import openai

        started = time.monotonic()
        try:
            raw = await self._client.chat.completions.with_raw_response.create(**body)
            if "text/event-stream" not in raw.headers.get("content-type", "text/event-stream"):
                await raw.http_response.aread()
                return _whole(raw.http_response.json(), time.monotonic() - started, on_text)
            gathered = _Gathered(on_text, on_wait)
            stream = raw.parse()
            async for chunk in stream:
                gathered.add(chunk)
                if gathered.endless:
                    await stream.close()  # the server stops generating when nobody listens
                    break
            if not gathered.finish_reason:  # a connection without a length ends the same way when it breaks
                raise broken_off()
            return gathered.reply(time.monotonic() - started)
        except openai.APIStatusError as error:
            raise status_error(int(error.status_code), error.body, error.response.headers, error.message) from error
        except openai.APIConnectionError as error:
            raise unreachable(self._base_url, error) from error
        except openai.APIError as error:  # an error object inside the stream
            raise stream_error(str(getattr(error, "message", error))) from error
        except Exception as error:
            if is_connection_error(error):
                raise unreachable(self._base_url, error) from error
            raise


@dataclass
class _Gathered:
    """A reply being put together from the chunks of a stream."""

    on_text: OnText
    on_wait: OnWait
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)  # name, arguments
    places: dict[int, int] = field(default_factory=dict)  # the server's index → place in `calls`
    ids: list[str] = field(default_factory=list)
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    timings: Timings | None = None
    watch: RepetitionWatch = field(default_factory=RepetitionWatch)
    endless: bool = False

    def add(self, chunk: Any) -> None:
        """Take one chunk."""
        more = chunk.model_extra or {}
        if isinstance(progress := more.get("prompt_progress"), dict):
            self.on_wait(_waiting(progress))
        if chunk.usage is not None:
            self.usage = usage_of(chunk.usage.model_dump())
        if isinstance(timings := more.get("timings"), dict):
            self.timings = timings_of(timings)
        for choice in (chunk.choices or [])[:1]:
            if choice.delta is not None:
                self._delta(choice.delta)
            self.finish_reason = choice.finish_reason or self.finish_reason

    def _delta(self, delta: Any) -> None:
        if delta.content:
            self.content.append(delta.content)
            self.on_text(delta.content)
            self._watched(delta.content)
        reasoning = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if isinstance(reasoning, str):
            self.reasoning.append(reasoning)
            self._watched(reasoning)
        for call in delta.tool_calls or []:
            function = call.function
            held = self.calls[self._place(call)]
            if function is not None:
                if function.name and function.name != held[0]:  # some servers say it again with every piece
                    held[0] += function.name
                held[1] += function.arguments or ""
                self._watched(function.arguments or "")

    def _place(self, call: Any) -> int:
        """Which call a piece belongs to. The server's index and id are hints: either may be missing or the same."""
        at = len(self.calls) - 1 if call.index is None else self.places.get(call.index, -1)
        if at < 0 or self._begins_another(at, call):
            at = len(self.calls)
            self.calls.append(["", ""])
            self.ids.append("")
            if call.index is not None:
                self.places[call.index] = at
        self.ids[at] = self.ids[at] or call.id or ""
        return at

    def _begins_another(self, at: int, call: Any) -> bool:
        """Whether a piece with a name, for a call that has one already, begins another call."""
        held_name, held_arguments = self.calls[at]
        if not (call.function and call.function.name and held_name):
            return False
        return call.id != self.ids[at] if call.id and self.ids[at] else bool(held_arguments)

    def _watched(self, piece: str) -> None:
        if self.watch.add(piece):
            self.endless = True
            self.finish_reason = REPETITION

    def reply(self, seconds: float) -> Reply:
        """The whole of it."""
        calls = [ToolCall(id=new_call_id(), name=name, arguments=arguments) for name, arguments in self.calls if name]
        return Reply(
            storable("".join(self.content)),
            storable("".join(self.reasoning)),
            tuple(calls),
            self.finish_reason,
            self.usage,
            seconds,
            self.timings,
        )


def storable(text: str) -> str:
    """Surrogate pairs that came in two chunks joined; the half of one, which can't be stored, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def usage_of(data: dict[str, Any]) -> Usage:
    """The usage object of the API."""
    details = data.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=data.get("prompt_tokens") or 0,
        cached_tokens=details.get("cached_tokens") or 0,
        completion_tokens=data.get("completion_tokens") or 0,
    )


def timings_of(data: dict[str, Any]) -> Timings | None:
    """llama.cpp's `timings`: counts of tokens and milliseconds."""
    try:
        return Timings(
            int(data["prompt_n"]), data["prompt_ms"] / 1e3, int(data["predicted_n"]), data["predicted_ms"] / 1e3
        )
    except (KeyError, TypeError, ValueError):
        return None


def _waiting(progress: dict[str, Any]) -> Waiting:
    """llama.cpp's `prompt_progress`; what it had in its cache counts as read."""
    done, total, milliseconds = (progress.get(key) for key in ("processed", "total", "time_ms"))
    return Waiting(
        milliseconds / 1e3 if isinstance(milliseconds, (int, float)) else 0.0,
        done if isinstance(done, int) else None,
        total if isinstance(total, int) else None,
    )


def _whole(data: Any, seconds: float, on_text: OnText) -> Reply:
    """The reply of a server that does not stream."""
    try:
        choice = data["choices"][0]
        message = choice["message"]
    except (LookupError, TypeError) as error:
        told = BackendRefused(f"the model server's answer holds no reply: {data!r:.300}", status=200)
        raise Transient(told) from error
    content = storable(_text(message.get("content")))
    on_text(content)
    calls = [call_of(each) for each in message.get("tool_calls") or []]
    return Reply(
        content,
        storable(_text(message.get("reasoning_content"))),
        tuple(call for call in calls if call),
        choice.get("finish_reason") or "stop",
        usage_of(data.get("usage") or {}),
        seconds,
        timings_of(data.get("timings") or {}),
    )


def _text(content: Any) -> str:
    """A message's content: text, or the texts of its parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def call_of(given: Any) -> ToolCall | None:
    """A whole call as a server gives it, its arguments a string or an object; None for what is none."""
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or not function.get("name") or not isinstance(function["name"], str):
        return None
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments if arguments is not None else {}, ensure_ascii=False)
    return ToolCall(id=new_call_id(), name=function["name"], arguments=arguments)
