"""llama-server: shapes as build 11549 answers them (asked by hand); the words of errors are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from doubles.base import Body, Exchange, Reply, rendered, tokens_in
from doubles.openai import OpenAIDouble, event


class LlamaCppDouble(OpenAIDouble):
    """`window` is what a slot holds, `trained` the model's own figure.

    `unparsable` is how many replies to come it can't parse, where the request has tools.
    """

    server_header = "llama.cpp"
    owned_by = "llamacpp"
    reports_cached = True
    routes: ClassVar[dict[tuple[str, str], str]] = {
        **OpenAIDouble.routes,
        ("GET", "/health"): "health",
        ("GET", "/v1/health"): "health",
        ("GET", "/props"): "props",
        ("GET", "/models"): "models",
        ("GET", "/slots"): "slots",
        ("POST", "/tokenize"): "tokenize",
        ("POST", "/apply-template"): "apply_template",
        ("POST", "/v1/chat/completions/input_tokens"): "input_tokens",
    }

    def __init__(self, *answers: Any, trained: int = 262_144, slots: int = 1, **more: Any) -> None:
        self.trained = trained
        self.total_slots = slots
        self.unparsable = 0
        self.tools_supported = True
        super().__init__(*answers, **more)

    # ------------------------------------------------------------ what it says of itself

    def health(self, exchange: Exchange) -> None:
        """Ready."""
        exchange.json({"status": "ok"})

    def props(self, exchange: Exchange) -> None:
        """Its settings."""
        caps = dict.fromkeys(
            ("supports_tools", "supports_tool_calls", "supports_parallel_tool_calls"), self.tools_supported
        )
        exchange.json(
            {
                "default_generation_settings": {"params": {"temperature": 0.8, "min_p": 0.05}, "n_ctx": self.window},
                "total_slots": self.total_slots,
                "model_alias": self.model,
                "model_path": f"/models/{self.model}.gguf",
                "modalities": {"vision": False, "audio": False},
                "chat_template": "{{ messages }}",
                "chat_template_caps": {**caps, "supports_object_arguments": True, "supports_system_role": True},
                "bos_token": "",
                "eos_token": "<|im_end|>",
                "build_info": "b11549-0123abcd",
                "is_sleeping": False,
            }
        )

    def model_entry(self) -> Body:
        """Its model, with figures."""
        meta = {"vocab_type": 2, "n_vocab": 151_936, "n_ctx": self.window, "n_ctx_train": self.trained, "n_embd": 2048,
                "n_params": 79_674_391_296, "size": 48_410_988_544}  # fmt: skip
        return {**super().model_entry(), "aliases": [self.model], "meta": meta}

    def slots(self, exchange: Exchange) -> None:
        """Its slots, idle."""
        exchange.json([{"id": each, "n_ctx": self.window, "is_processing": False} for each in range(self.total_slots)])

    # ------------------------------------------------------------ counting

    def tokenize(self, exchange: Exchange) -> None:
        """A text's tokens."""
        exchange.json({"tokens": list(range(tokens_in(exchange.body.get("content") or "")))})

    def apply_template(self, exchange: Exchange) -> None:
        """The prompt of a conversation."""
        exchange.json({"prompt": rendered(exchange.body)})

    def input_tokens(self, exchange: Exchange) -> None:
        """A conversation's tokens, tools included."""
        if not self._refused(exchange):
            exchange.json({"input_tokens": self.prompt_tokens(exchange.body), "object": "response.input_tokens"})

    # ------------------------------------------------------------ chat

    def not_found(self, exchange: Exchange) -> None:
        """Its own words for it."""
        self.refuse(exchange, 404, "File Not Found", "not_found_error")

    def objects(self, exchange: Exchange) -> bool:
        """What it refuses, and the replies it can't parse."""
        if self._refused(exchange):
            return True
        if self.unparsable and exchange.body.get("tools"):
            self.unparsable -= 1
            self.requests.append(exchange.body)
            message = "Failed to parse input at pos 38: <tool_call>\n<function=shell>\n"
            self.refuse(exchange, 500, message, "server_error")
            return True
        return False

    def _refused(self, exchange: Exchange) -> bool:
        body = exchange.body
        last = (body.get("messages") or [{}])[-1]
        if body.get("grammar") and body.get("tools"):
            self.refuse(exchange, 400, "Cannot use custom grammar constraints with tools.")
        elif body.get("continue_final_message") and body.get("add_generation_prompt", True):
            self.refuse(exchange, 400, "Cannot set both add_generation_prompt and continue_final_message to true.")
        elif body.get("continue_final_message") and last.get("role") != "assistant":
            self.refuse(exchange, 400, "continue_final_message is set, but the last message is not of the assistant")
        elif why := _broken_arguments(body):
            self.refuse(exchange, 500, f"Failed to parse tool call arguments as JSON: {why}", "server_error")
        else:
            return False
        return True

    def overflow(self, exchange: Exchange) -> None:
        """The error it has a type of its own for."""
        asked = self.prompt_tokens(exchange.body)
        message = (
            f"request ({asked} tokens) exceeds the available context size ({self.window} tokens), try increasing it"
        )
        error = {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": asked,
                 "n_ctx": self.window}  # fmt: skip
        exchange.json({"error": error}, 400)

    def opening(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """Progress of the prompt, if it was asked for, in chunks whose delta is empty; then the role."""
        first = {"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}
        total = self.prompt_tokens(body)
        for done in (0, total // 2, total) if body.get("return_progress") else ():
            progress = {"total": total, "cache": 0, "processed": done, "time_ms": done * 2}
            yield event(self.chunk(choices=[first], prompt_progress=progress))
        yield event(self.chunk(choices=[first]))

    def extras(self, reply: Reply, usage: Body) -> Body:
        """Its timings: a token read takes 2 ms, one written 50 ms."""
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        read = usage["prompt_tokens"] - cached
        timings = {"cache_n": cached, "prompt_n": read, "prompt_ms": read * 2.0, "predicted_n": reply.tokens,
                   "predicted_ms": reply.tokens * 50.0}  # fmt: skip
        return {"timings": timings}


def _broken_arguments(body: Body) -> str:
    """Why arguments in the history can't be read, or an empty string."""
    for message in body.get("messages") or []:
        for call in message.get("tool_calls") or []:
            try:
                json.loads(call["function"]["arguments"])
            except ValueError as error:
                return str(error)
    return ""
