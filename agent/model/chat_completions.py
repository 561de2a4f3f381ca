"""Chat completions: a request sent to an OpenAI-compatible server, once, and its stream put together.

Source: OpenAI's API reference, "Create chat completion", and what local servers add to it. Why without the SDK:
docs/decisions/0012.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.errors import BackendRefused
from agent.model.errors import (
    Transient,
    broken_off,
    is_connection_error,
    message_of,
    status_error,
    stream_error,
    unreachable,
)
from agent.model.repetition import RepetitionWatch
from agent.model.sse import BodyWriter, EventReader
from agent.model.types import OnText, OnWait, Reply, Timings, ToolCall, Usage, Waiting, new_call_id

if TYPE_CHECKING:
    import httpx2

REPETITION = "repetition"
_STREAM = "text/event-stream"
_HEADERS = {"Content-Type": "application/json", "Accept": f"{_STREAM}, application/json"}
_SHOWN = 300  # characters of an answer that is no JSON


class ChatCompletions:
    """The chat completions of one server, over an HTTP client that stays the caller's and has the key."""

    def __init__(self, base_url: str, http: httpx2.AsyncClient) -> None:
        self._base_url = base_url
        self._http = http
        self._writer = BodyWriter()

    async def send(self, body: dict[str, Any], on_text: OnText, on_wait: OnWait) -> Reply:
        """The whole reply to a request's body. What is not of the original API goes under `extra_body`.

        Raises `Transient` and `BackendError`s; nothing of a stream that broke is given.
        """
        started = time.monotonic()
        url = f"{self._base_url}/chat/completions"
        try:
            async with self._http.stream("POST", url, content=self._writer.write(body), headers=_HEADERS) as answer:
                if not answer.is_success:
                    raise _refusal(answer, await answer.aread())
                if _STREAM not in answer.headers.get("content-type", _STREAM):
                    return _whole(json.loads(await answer.aread()), time.monotonic() - started, on_text)
                gathered = _Gathered(on_text, on_wait)
                await gathered.read(answer)
                return gathered.reply(time.monotonic() - started)
        except Exception as error:
            if is_connection_error(error):
                raise unreachable(self._base_url, error) from error
            raise


def _refusal(answer: httpx2.Response, data: bytes) -> Exception:
    """The error for an answer with another status than 2xx."""
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    fallback = data[: 4 * _SHOWN].decode("utf-8", "replace").strip()[:_SHOWN] if body is None else ""
    return status_error(answer.status_code, body, answer.headers, fallback)


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

    async def read(self, answer: httpx2.Response) -> None:
        """Take the stream, to its end or to where it repeats itself: the server stops when nobody listens.

        Raises `Transient` for one that broke.
        """
        reader = EventReader()
        async for piece in answer.aiter_bytes():
            if not all(map(self._goes_on, reader.feed(piece))):
                break
        else:
            all(map(self._goes_on, reader.end()))
        if not self.finish_reason:  # a connection without a length ends the same way when it breaks
            raise broken_off()

    def _goes_on(self, data: bytes) -> bool:
        """Take an event; whether more are wanted."""
        if data.startswith(b"[DONE]"):
            return False
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise ValueError(f"the stream holds {data[:_SHOWN]!r}")
        if chunk.get("error"):
            raise stream_error(message_of(chunk, "an error without a word"))
        self.add(chunk)
        return not self.endless

    def add(self, chunk: dict[str, Any]) -> None:
        """Take one chunk."""
        if isinstance(progress := chunk.get("prompt_progress"), dict):
            self.on_wait(_waiting(progress))
        if isinstance(usage := chunk.get("usage"), dict):
            self.usage = usage_of(usage)
        if isinstance(timings := chunk.get("timings"), dict):
            self.timings = timings_of(timings)
        for choice in _objects(chunk.get("choices"))[:1]:
            self._delta(_object(choice.get("delta")))
            self.finish_reason = str(choice.get("finish_reason") or self.finish_reason)

    def _delta(self, delta: dict[str, Any]) -> None:
        if content := delta.get("content"):
            self.content.append(_text(content))
            self.on_text(self.content[-1])
            self._watched(self.content[-1])
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            self.reasoning.append(reasoning)
            self._watched(reasoning)
        for call in _objects(delta.get("tool_calls")):
            held = self.calls[self._place(call)]
            function = _object(call.get("function"))
            name, arguments = function.get("name"), _as_json(function.get("arguments") or "")
            if isinstance(name, str) and name != held[0]:  # some servers say it again with every piece
                held[0] += name
            held[1] += arguments
            self._watched(arguments)

    def _place(self, call: dict[str, Any]) -> int:
        """Which call a piece belongs to. The server's index and id are hints: either may be missing or the same."""
        index = given if isinstance(given := call.get("index"), int) else None
        at = len(self.calls) - 1 if index is None else self.places.get(index, -1)
        if at < 0 or self._begins_another(at, call):
            at = len(self.calls)
            self.calls.append(["", ""])
            self.ids.append("")
            if index is not None:
                self.places[index] = at
        self.ids[at] = self.ids[at] or str(call.get("id") or "")
        return at

    def _begins_another(self, at: int, call: dict[str, Any]) -> bool:
        """Whether a piece with a name, for a call that has one already, begins another call."""
        held_name, held_arguments = self.calls[at]
        if not (_object(call.get("function")).get("name") and held_name):
            return False
        own_id = str(call.get("id") or "")
        return own_id != self.ids[at] if own_id and self.ids[at] else bool(held_arguments)

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
    cached = _object(data.get("prompt_tokens_details")).get("cached_tokens")
    counts = (data.get("prompt_tokens"), cached, data.get("completion_tokens"))
    prompt, cached, completion = (count if isinstance(count, int) else 0 for count in counts)
    return Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)


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
    return ToolCall(id=new_call_id(), name=function["name"], arguments=_as_json({} if arguments is None else arguments))


def _object(given: Any) -> dict[str, Any]:
    """A JSON object, empty for anything else: what a server says may have any form."""
    return given if isinstance(given, dict) else {}


def _objects(given: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array."""
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _as_json(arguments: Any) -> str:
    """Arguments as a string, which is what most servers give, or the object that others do."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
