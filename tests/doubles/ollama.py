"""Ollama: its native API as of 2026-08 (api/types.go, server/routes.go), and its /v1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from doubles.base import Body, Exchange, Reply, rendered, tokens_in
from doubles.openai import OpenAIDouble

_TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the "
    "context length in settings, or use a model with a longer context length"
)
_WHEN = "2026-08-21T18:48:22.000000Z"


class OllamaDouble(OpenAIDouble):
    """`here` are the models on disk, by name; `default_context` is what it loads with unasked.

    `loads` are the windows the model was loaded with, one after the other. `old` knows neither `truncate` nor `shift`:
    what is too long is cut without a word. `derived` maps the names made by /api/create to their parameters.
    """

    server_header = "Ollama"
    owned_by = "library"
    routes: ClassVar[dict[tuple[str, str], str]] = {
        **OpenAIDouble.routes,
        ("GET", "/"): "greeting",
        ("GET", "/api/version"): "version",
        ("GET", "/api/tags"): "tags",
        ("POST", "/api/show"): "show",
        ("GET", "/api/ps"): "running",
        ("POST", "/api/generate"): "generate",
        ("POST", "/api/pull"): "pull",
        ("POST", "/api/create"): "create",
        ("POST", "/api/chat"): "chat_native",
    }

    def __init__(
        self, *answers: Any, trained: int = 262_144, default_context: int = 4096, old: bool = False, **more: Any
    ) -> None:
        self.trained = trained
        self.default_context = default_context
        self.old = old
        self.capabilities = ["completion", "tools"]
        self.loads: list[int] = []
        self.held: int | None = None
        self.derived: dict[str, Body] = {}
        self.pulled: list[str] = []
        # a prompt is never too long for /v1: it is cut
        super().__init__(*answers, **{"model": "qwen3-coder-next:latest", "window": 1 << 40, **more})
        self.here = [self.model]

    # ------------------------------------------------------------ what it says of itself

    def greeting(self, exchange: Exchange) -> None:
        """Its root."""
        exchange.send(b"Ollama is running")

    def version(self, exchange: Exchange) -> None:
        """Its version."""
        exchange.json({"version": "0.9.3" if self.old else "0.21.2"})

    def _details(self) -> Body:
        return {"parent_model": "", "format": "gguf", "family": "qwen3next", "families": ["qwen3next"],
                "parameter_size": "79.7B", "quantization_level": "Q4_K_M"}  # fmt: skip

    def tags(self, exchange: Exchange) -> None:
        """The models on disk."""
        models = [{"name": name, "model": name, "modified_at": _WHEN, "size": 48_410_988_544, "digest": "f21c852db04a",
                   "details": self._details()} for name in self.here]  # fmt: skip
        exchange.json({"models": models})

    def models(self, exchange: Exchange) -> None:
        """The models on disk; null where there is none."""
        entries = [{**self.model_entry(), "id": name} for name in self.here]
        exchange.json({"object": "list", "data": entries or None})

    def show(self, exchange: Exchange) -> None:
        """A model's own figures."""
        name = self._named(exchange)
        if name is None:
            return
        parameters = "\n".join(f"{key}    {value}" for key, value in self.derived.get(name, {}).items())
        info = {"general.architecture": "qwen3next", "general.parameter_count": 79_674_391_296,
                "qwen3next.context_length": self.trained, "qwen3next.block_count": 48}  # fmt: skip
        exchange.json({"modelfile": "# Modelfile", "parameters": parameters, "template": "{{ .Messages }}",
                       "details": self._details(), "model_info": info, "capabilities": self.capabilities,
                       "modified_at": _WHEN})  # fmt: skip

    def running(self, exchange: Exchange) -> None:
        """What is loaded, and with which window (which old versions don't tell)."""
        entry: Body = {"name": self.model, "model": self.model, "size": 50_000_000_000, "digest": "f21c852db04a",
                       "details": self._details(), "expires_at": "2318-12-01T18:48:22Z", "size_vram": 0}  # fmt: skip
        if not self.old:
            entry["context_length"] = self.held
        exchange.json({"models": [entry] if self.held else []})

    # ------------------------------------------------------------ getting and loading

    def _named(self, exchange: Exchange) -> str | None:
        """The request's model as it is called here; None, and an error sent, where there is none of that name."""
        asked = str(exchange.body.get("model") or exchange.body.get("name") or "")
        for name in (asked, f"{asked}:latest"):
            if name in self.here or name in self.derived:
                return name
        exchange.json({"error": f"model '{asked}' not found"}, 404)
        return None

    def load(self, name: str, options: Body | None) -> int:
        """Load with the window that is asked for, else the model's, else the default; another one is a reload."""
        asked = (options or {}).get("num_ctx") or self.derived.get(name, {}).get("num_ctx") or self.default_context
        wanted = min(int(asked), self.trained)
        if wanted != self.held:
            self.held = wanted
            self.loads.append(wanted)
        return wanted

    def generate(self, exchange: Exchange) -> None:
        """Loading; a prompt is nothing this double answers."""
        name = self._named(exchange)
        if name is None:
            return
        self.load(name, exchange.body.get("options"))
        exchange.json({"model": name, "created_at": _WHEN, "response": "", "done": True, "done_reason": "load"})

    def pull(self, exchange: Exchange) -> None:
        """A download told line by line; the model is here afterwards."""
        name = str(exchange.body.get("model") or exchange.body.get("name"))
        layer = {"status": "pulling 30e51a7cb1cf", "digest": "sha256:30e51a7cb1cf", "total": 400}
        lines: list[Body] = [
            {"status": "pulling manifest"},
            layer,
            *({**layer, "completed": done} for done in (100, 400)),
        ]
        lines += [{"status": each} for each in ("verifying sha256 digest", "writing manifest", "success")]
        if name.startswith("no-such"):
            lines = [lines[0], {"error": "pull model manifest: file does not exist"}]
        else:
            self.pulled.append(name)
            self.here.append(name if ":" in name else f"{name}:latest")
        exchange.begin("application/x-ndjson")
        for line in lines:
            exchange.write(json.dumps(line).encode() + b"\n")
        exchange.end()

    def create(self, exchange: Exchange) -> None:
        """A model derived from another, with parameters of its own."""
        self.derived[str(exchange.body["model"])] = exchange.body.get("parameters") or {}
        exchange.begin("application/x-ndjson")
        exchange.write(b'{"status":"success"}\n')
        exchange.end()

    # ------------------------------------------------------------ chat

    def chat_native(self, exchange: Exchange) -> None:
        """/api/chat."""
        body = exchange.body
        name = self._named(exchange)
        if name is None:
            return
        if why := _misfit(body):
            exchange.json({"error": why}, 400)
            return
        if body.get("tools") and "tools" not in self.capabilities:
            exchange.json({"error": f"registry.ollama.ai/library/{name} does not support tools"}, 400)
            return
        window = self.load(name, body.get("options"))
        if self.prompt_tokens(body) >= window and not self.old:
            if body.get("truncate") is False:
                told = f"request ({self.prompt_tokens(body)} tokens) exceeds the available context size ({window} tokens), try increasing it"
                exchange.json({"error": told if body.get("shift") is not False else _TOO_LONG}, 400)
                return
            if body.get("shift") is False:
                exchange.json({"error": _TOO_LONG}, 400)
                return
        native = {**body, "stream": body.get("stream", True), "native": True}
        self.answer(exchange, native, self.next_answer(body))

    def objects(self, exchange: Exchange) -> bool:
        """On /v1 the window asked for is dropped: the one it holds, or the default."""
        name = self._named(exchange)
        if name is None:
            return True
        self.load(name, {"num_ctx": self.held})
        return False

    def evaluated(self, body: Body) -> int:
        """Tokens that are left of a prompt: the oldest messages but the system's go first, then half of what is left."""
        window = self.held or self.default_context
        messages = list(body.get("messages") or [])
        first = 1 if messages and messages[0].get("role") == "system" else 0
        while len(messages) > first + 1 and tokens_in(rendered({**body, "messages": messages})) >= window:
            del messages[first]
        left = tokens_in(rendered({**body, "messages": messages}))
        return left if left < window else window - max(window // 2, 1)

    def usage(self, reply: Reply, body: Body) -> Body:
        """What was really read."""
        read = self.evaluated(body)
        return {"prompt_tokens": read, "completion_tokens": reply.tokens, "total_tokens": read + reply.tokens}

    def kind(self, body: Body) -> str:
        """Native replies are lines of JSON."""
        return "application/x-ndjson" if body.get("native") else "text/event-stream"

    def _line(self, message: Body, **more: Any) -> Body:
        return {"model": self.model, "created_at": _WHEN, "message": {"role": "assistant", "content": "", **message},
                "done": False, **more}  # fmt: skip

    def _last(self, reply: Reply, body: Body) -> Body:
        counts = {"total_duration": 9_000_000, "load_duration": 1_000_000, "prompt_eval_count": self.evaluated(body),
                  "prompt_eval_duration": 2_000_000, "eval_count": reply.tokens, "eval_duration": 5_000_000}  # fmt: skip
        return {"done": True, "done_reason": "length" if reply.finish == "length" else "stop", **counts}

    def _calls(self, reply: Reply) -> list[Body]:
        return [
            {"id": f"call_{index}", "function": {"index": index, "name": name, "arguments": json.loads(arguments)}}
            for index, (name, arguments) in enumerate(reply.calls)
        ]

    def stream(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """Lines of JSON; calls come whole, their arguments objects."""
        if not body.get("native"):
            yield from super().stream(reply, body)
            return
        lines = [self._line({"thinking": piece}) for piece in self.pieces(reply.reasoning)]
        lines += [self._line({"content": piece}) for piece in self.pieces(reply.content)]
        if reply.calls:
            lines.append(self._line({"tool_calls": self._calls(reply)}))
        lines.append(self._line({}, **self._last(reply, body)))
        for line in lines:
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def whole(self, reply: Reply, body: Body) -> Body:
        """All in one."""
        if not body.get("native"):
            return super().whole(reply, body)
        message: Body = {"content": reply.content}
        if reply.reasoning:
            message["thinking"] = reply.reasoning
        if reply.calls:
            message["tool_calls"] = self._calls(reply)
        return self._line(message, **self._last(reply, body))


def _misfit(body: Body) -> str:
    """Why the native API can't read a request, in the words of Go's decoder; an empty string where it can."""
    for message in body.get("messages") or []:
        if not isinstance(message.get("content", ""), str):
            return "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
        for call in message.get("tool_calls") or []:
            if not isinstance(call.get("function", {}).get("arguments"), dict):
                return (
                    "json: cannot unmarshal string into Go struct field "
                    "ToolCallFunction.messages.tool_calls.function.arguments of type map[string]interface {}"
                )
    return ""
