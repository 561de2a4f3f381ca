"""The OpenAI-compatible API as most servers have it: models, chat completions, whole or as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from doubles.base import Body, Double, Exchange, Reply, rendered, tokens_in


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


class OpenAIDouble(Double):
    """An OpenAI-compatible server; what sets a real one apart is overridden by its double."""

    owned_by = "double"
    reports_cached = False
    routes: ClassVar[dict[tuple[str, str], str]] = {
        ("GET", "/v1/models"): "models",
        ("POST", "/v1/chat/completions"): "chat",
    }

    # ------------------------------------------------------------ models

    def models(self, exchange: Exchange) -> None:
        """The one model there is."""
        exchange.json({"object": "list", "data": [self.model_entry()]})

    def model_entry(self) -> Body:
        """Its entry."""
        return {"id": self.model, "object": "model", "created": 1_760_000_000, "owned_by": self.owned_by}

    # ------------------------------------------------------------ chat

    def chat(self, exchange: Exchange) -> None:
        """A chat completion."""
        if not isinstance(exchange.seen.body, dict) or not isinstance(exchange.body.get("messages"), list):
            self.refuse(exchange, 400, "messages: field required")
            return
        if self.objects(exchange):
            return
        if self.prompt_tokens(exchange.body) >= self.window:
            self.overflow(exchange)
            return
        self.answer(exchange, exchange.body, self.next_answer(exchange.body))

    def objects(self, exchange: Exchange) -> bool:
        """Whether the request is refused for a reason of this server's own (the answer is sent then)."""
        return False

    def prompt_tokens(self, body: Body) -> int:
        """Tokens of the request's prompt."""
        return tokens_in(rendered(body))

    def overflow(self, exchange: Exchange) -> None:
        """The answer to a prompt longer than the window."""
        asked = self.prompt_tokens(exchange.body)
        self.refuse(
            exchange,
            400,
            f"This model's maximum context length is {self.window} tokens. "
            f"However, your messages resulted in {asked} tokens. Please reduce the length of the messages.",
        )

    # ------------------------------------------------------------ replies

    def usage(self, reply: Reply, body: Body) -> Body:
        """The usage object."""
        prompt = self.prompt_tokens(body)
        usage: Body = {
            "prompt_tokens": prompt, "completion_tokens": reply.tokens, "total_tokens": prompt + reply.tokens,
        }  # fmt: skip
        cached = self.cached(rendered(body))
        if self.reports_cached:
            usage["prompt_tokens_details"] = {"cached_tokens": cached}
        return usage

    def chunk(self, **fields: Any) -> Body:
        """A chunk of the stream."""
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000,
                "model": self.model, **fields}  # fmt: skip

    def delta(self, finish: str | None = None, **fields: Any) -> bytes:
        """The event of a chunk with one delta."""
        return event(self.chunk(choices=[{"index": 0, "delta": fields, "finish_reason": finish}]))

    def call_id(self, index: int) -> str | None:
        """The id this server gives a call."""
        return f"call_{index}"

    def call_deltas(self, calls: list[tuple[str, str]]) -> Iterator[bytes]:
        """Native calls as deltas: name first, arguments in pieces after it."""
        for index, (name, arguments) in enumerate(calls):
            function = {"name": name, "arguments": ""}
            yield self.delta(
                tool_calls=[{"index": index, "id": self.call_id(index), "type": "function", "function": function}]
            )
            for piece in self.pieces(arguments):
                yield self.delta(tool_calls=[{"index": index, "function": {"arguments": piece}}])

    def opening(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """What comes before the text."""
        yield self.delta(role="assistant", content="")

    def stream(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """A reply as server-sent events."""
        yield from self.opening(reply, body)
        for piece in self.pieces(reply.reasoning):
            yield self.delta(reasoning_content=piece)
        for piece in self.pieces(reply.content):
            yield self.delta(content=piece)
        yield from self.call_deltas(reply.calls)
        yield self.delta(reply.finish)
        yield from self.closing(reply, body)

    def closing(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """What comes after the last delta: usage, if it was asked for, and the end's mark."""
        usage = self.usage(reply, body)
        if (body.get("stream_options") or {}).get("include_usage"):
            yield event(self.chunk(choices=[], usage=usage, **self.extras(reply, usage)))
        yield b"data: [DONE]\n\n"

    def extras(self, reply: Reply, usage: Body) -> Body:
        """What a server adds to the last chunk."""
        return {}

    def whole(self, reply: Reply, body: Body) -> Body:
        """A reply as one document."""
        message: Body = {"role": "assistant", "content": reply.content or None}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        if reply.calls:
            message["tool_calls"] = [
                {"id": self.call_id(index), "type": "function", "function": {"name": name, "arguments": arguments}}
                for index, (name, arguments) in enumerate(reply.calls)
            ]
        choice = {"index": 0, "message": message, "finish_reason": reply.finish}
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": self.model,
                "choices": [choice], "usage": self.usage(reply, body)}  # fmt: skip
