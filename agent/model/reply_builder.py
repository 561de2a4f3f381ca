"""A reply put together from what a server sends: the chunks of a stream, or one document.

Source: OpenAI's API reference, "The chat completion chunk object", and what local servers make of it: any field may be
missing, null or of another type.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from agent.errors import BackendRefused
from agent.model.errors import RetryableError
from agent.model.repetition import RepetitionWatch
from agent.model.types import REPETITION, OnText, OnWait, Reply, Timings, ToolCall, Usage, Waiting, new_call_id


@dataclass
class ReplyBuilder:
    """Collects the chunks of one stream; `on_text` gets its text and `on_wait` the server's progress as they come."""

    on_text: OnText
    on_wait: OnWait
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)
    """Name and arguments of each tool call, as far as they came."""
    call_of_index: dict[int, int] = field(default_factory=dict)
    """The server's `index` of a tool call → its index in `calls`."""
    call_ids: list[str] = field(default_factory=list)
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    timings: Timings | None = None
    watch: RepetitionWatch = field(default_factory=RepetitionWatch)

    @property
    def is_repetitive(self) -> bool:
        """Whether the reply repeats itself so often that the rest is not worth generating."""
        return self.finish_reason == REPETITION

    def add(self, chunk: Any) -> None:
        """Take one chunk. Raises `ValueError` for one that is no JSON object."""
        if not isinstance(chunk, dict):
            raise ValueError(f"the stream holds {chunk!r:.300} where an object belongs")
        if isinstance(progress := chunk.get("prompt_progress"), dict):
            self.on_wait(_waiting(progress))
        if isinstance(usage := chunk.get("usage"), dict):
            self.usage = usage_of(usage)
        if isinstance(timings := chunk.get("timings"), dict):
            self.timings = timings_of(timings)
        for choice in _objects(chunk.get("choices"))[:1]:
            self.finish_reason = str(choice.get("finish_reason") or self.finish_reason)
            self._add_delta(_object(choice.get("delta")))

    def build(self, seconds: float) -> Reply:
        """The whole reply, which took so many seconds."""
        calls = [ToolCall(id=new_call_id(), name=name, arguments=arguments) for name, arguments in self.calls if name]
        return Reply(
            join_surrogates("".join(self.content)),
            join_surrogates("".join(self.reasoning)),
            tuple(calls),
            self.finish_reason,
            self.usage,
            seconds,
            self.timings,
        )

    def _add_delta(self, delta: dict[str, Any]) -> None:
        if content := delta.get("content"):
            self.content.append(_text(content))
            self.on_text(self.content[-1])
            self._check_repetition(self.content[-1])
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            self.reasoning.append(reasoning)
            self._check_repetition(reasoning)
        for call_delta in _objects(delta.get("tool_calls")):
            call = self.calls[self._call_index(call_delta)]
            function = _object(call_delta.get("function"))
            name, arguments = function.get("name"), _as_json(function.get("arguments") or "")
            if isinstance(name, str) and name != call[0]:  # some servers repeat the name with every piece
                call[0] += name
            call[1] += arguments
            self._check_repetition(arguments)

    def _call_index(self, delta: dict[str, Any]) -> int:
        """Which call a delta belongs to. The server's index and id are hints: either may be missing or repeated."""
        index = given if isinstance(given := delta.get("index"), int) else None
        found = len(self.calls) - 1 if index is None else self.call_of_index.get(index, -1)
        if found < 0 or self._begins_another(found, delta):
            found = len(self.calls)
            self.calls.append(["", ""])
            self.call_ids.append("")
            if index is not None:
                self.call_of_index[index] = found
        self.call_ids[found] = self.call_ids[found] or str(delta.get("id") or "")
        return found

    def _begins_another(self, index: int, delta: dict[str, Any]) -> bool:
        """Whether a delta with a name begins another call than the one at `index`, which has a name already."""
        name, arguments = self.calls[index]
        if not (_object(delta.get("function")).get("name") and name):
            return False
        call_id = str(delta.get("id") or "")
        return call_id != self.call_ids[index] if call_id and self.call_ids[index] else bool(arguments)

    def _check_repetition(self, piece: str) -> None:
        if self.watch.add(piece):
            self.finish_reason = REPETITION


def reply_of(document: Any, seconds: float, on_text: OnText) -> Reply:
    """The reply of a server that does not stream. Raises `RetryableError` for a document that holds none."""
    try:
        choice = document["choices"][0]
        message = choice["message"]
    except (LookupError, TypeError) as error:
        refused = BackendRefused(f"the model server's answer holds no reply: {document!r:.300}", status=200)
        raise RetryableError(refused) from error
    content = join_surrogates(_text(message.get("content")))
    on_text(content)
    calls = [call_of(each) for each in message.get("tool_calls") or []]
    return Reply(
        content,
        join_surrogates(_text(message.get("reasoning_content"))),
        tuple(call for call in calls if call),
        choice.get("finish_reason") or "stop",
        usage_of(document.get("usage") or {}),
        seconds,
        timings_of(document.get("timings") or {}),
    )


def call_of(data: Any) -> ToolCall | None:
    """A whole call as a server gives it, its arguments a string or an object; None where there is none."""
    function = data.get("function") if isinstance(data, dict) else None
    if not isinstance(function, dict) or not function.get("name") or not isinstance(function["name"], str):
        return None
    arguments = function.get("arguments")
    return ToolCall(id=new_call_id(), name=function["name"], arguments=_as_json({} if arguments is None else arguments))


def join_surrogates(text: str) -> str:
    """The text with surrogate pairs that came in two chunks joined; a lone half, which can't be stored, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def usage_of(data: dict[str, Any]) -> Usage:
    """The API's usage object, in tokens; what is missing counts as 0."""
    cached = _object(data.get("prompt_tokens_details")).get("cached_tokens")
    counts = (data.get("prompt_tokens"), cached, data.get("completion_tokens"))
    prompt, cached, completion = (count if isinstance(count, int) else 0 for count in counts)
    return Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)


def timings_of(data: dict[str, Any]) -> Timings | None:
    """llama.cpp's `timings` (tokens and milliseconds), None where they are incomplete."""
    try:
        return Timings(
            int(data["prompt_n"]), data["prompt_ms"] / 1e3, int(data["predicted_n"]), data["predicted_ms"] / 1e3
        )
    except (KeyError, TypeError, ValueError):
        return None


def _waiting(progress: dict[str, Any]) -> Waiting:
    """llama.cpp's `prompt_progress`; tokens found in its cache count as processed."""
    done, total, milliseconds = (progress.get(key) for key in ("processed", "total", "time_ms"))
    return Waiting(
        milliseconds / 1e3 if isinstance(milliseconds, (int, float)) else 0.0,
        done if isinstance(done, int) else None,
        total if isinstance(total, int) else None,
    )


def _text(content: Any) -> str:
    """A message's content: a string, or the text of its parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _object(value: Any) -> dict[str, Any]:
    """A JSON object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; none for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _as_json(arguments: Any) -> str:
    """Arguments as a JSON string, which most servers give; some give an object."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
