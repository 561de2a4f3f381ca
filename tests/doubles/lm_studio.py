"""LM Studio's server: its REST API v1 (and v0 for versions before 0.4), and the OpenAI-compatible one beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from doubles.base import Body, Exchange, Reply
from doubles.openai import OpenAIDouble, event


class LmStudioDouble(OpenAIDouble):
    """`loaded` is the window the model is loaded with, None while it isn't; `maximum` what it could have.

    An address it doesn't know is answered by 200 and an error. `old` has no API v1. `leaks` gives calls as text.
    `silent` answers a prompt that is too long by an empty reply instead of an error event.
    """

    server_header = "Express"
    owned_by = "organization_owner"
    default_context = 4096
    routes: ClassVar[dict[tuple[str, str], str]] = {
        **OpenAIDouble.routes,
        ("GET", "/api/v1/models"): "models_v1",
        ("POST", "/api/v1/models/load"): "load",
        ("POST", "/api/v1/models/unload"): "unload",
        ("GET", "/api/v0/models"): "models_v0",
    }

    def __init__(
        self, *answers: Any, loaded: int | None = None, maximum: int = 262_144, old: bool = False, **more: Any
    ) -> None:
        self.loaded = loaded
        self.maximum = maximum
        self.old = old
        self.leaks = False
        self.silent = False
        self.loads: list[int] = [] if loaded is None else [loaded]
        super().__init__(*answers, **{"model": "qwen/qwen3-coder-next", **more})

    # ------------------------------------------------------------ models

    def models(self, exchange: Exchange) -> None:
        """All that is on disk, loaded or not, models for embeddings too."""
        names = ["allenai/olmo-3-7b", self.model, "text-embedding-nomic"]
        exchange.json({"object": "list", "data": [{**self.model_entry(), "id": name} for name in names]})

    def models_v1(self, exchange: Exchange) -> None:
        """What is on disk, and what of it is loaded."""
        if self.old:
            self.not_found(exchange)
            return
        config = {"context_length": self.loaded, "eval_batch_size": 512, "parallel": 4, "flash_attention": True,
                  "offload_kv_cache_to_gpu": True}  # fmt: skip
        entry = {
            "type": "llm",
            "publisher": "qwen",
            "key": self.model,
            "display_name": "Qwen3 Coder Next",
            "architecture": "qwen3next",
            "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
            "size_bytes": 48_410_988_544,
            "params_string": "80B",
            "loaded_instances": [{"id": self.model, "config": config}] if self.loaded else [],
            "max_context_length": self.maximum,
            "format": "gguf",
            "capabilities": {"vision": False, "trained_for_tool_use": True},
            "description": None,
        }
        embedding = {"type": "embedding", "publisher": "nomic", "key": "text-embedding-nomic", "display_name": "Nomic",
                     "quantization": {"name": "F16", "bits_per_weight": 16}, "size_bytes": 274_290_560,
                     "params_string": None, "loaded_instances": [], "max_context_length": 2048,
                     "format": "gguf"}  # fmt: skip
        other = {**entry, "key": "allenai/olmo-3-7b", "publisher": "allenai", "display_name": "Olmo 3 7B",
                 "loaded_instances": [], "max_context_length": 65_536}  # fmt: skip
        exchange.json({"models": [other, entry, embedding]})

    def models_v0(self, exchange: Exchange) -> None:
        """The same, as before API v1."""
        entry = {"id": self.model, "object": "model", "type": "llm", "publisher": "qwen", "arch": "qwen3next",
                 "compatibility_type": "gguf", "quantization": "Q4_K_M",
                 "state": "loaded" if self.loaded else "not-loaded", "max_context_length": self.maximum}  # fmt: skip
        if self.loaded:
            entry["loaded_context_length"] = self.loaded
        exchange.json({"object": "list", "data": [entry]})

    def load(self, exchange: Exchange) -> None:
        """Load the model, with a window if one is given; another instance is another load."""
        if self.old:
            self.not_found(exchange)
            return
        if exchange.body.get("model") != self.model:
            self.refuse(exchange, 404, f"Model not found: {exchange.body.get('model')}", "model_not_found")
            return
        self._load(exchange.body.get("context_length") or self.default_context)
        answer: Body = {"type": "llm", "instance_id": self.model, "load_time_seconds": 9.099, "status": "loaded"}
        if exchange.body.get("echo_load_config"):
            answer["load_config"] = {"context_length": self.loaded}
        exchange.json(answer)

    def unload(self, exchange: Exchange) -> None:
        """Unload an instance."""
        self.loaded = None
        exchange.json({"instance_id": exchange.body.get("instance_id")})

    def _load(self, context: int) -> None:
        self.loaded = min(context, self.maximum)
        self.loads.append(self.loaded)

    # ------------------------------------------------------------ chat

    def not_found(self, exchange: Exchange) -> None:
        """200, and an error in the body."""
        exchange.json({"error": f"Unexpected endpoint or method. ({exchange.seen.method} {exchange.seen.path})"})

    def objects(self, exchange: Exchange) -> bool:
        """A model that isn't loaded is, with the default window."""
        if self.loaded is None:
            self._load(self.default_context)
        self.window = self.loaded or self.default_context
        return False

    def overflow(self, exchange: Exchange) -> None:
        """An error event under 200, or nothing at all."""
        asked = self.prompt_tokens(exchange.body)
        message = (
            f"Trying to keep the first {asked} tokens when context the overflows. However, the model is loaded with "
            f"context length of only {self.window} tokens, which is not enough. Try to load the model with a larger "
            "context length, or provide a shorter input"
        )
        if not exchange.body.get("stream"):
            exchange.json({"error": message}, 400)
            return
        self.requests.append(exchange.body)
        exchange.begin(self.kind(exchange.body))
        if self.silent:
            for piece in self.stream(Reply(finish="stop"), exchange.body):
                exchange.write(piece)
        else:
            exchange.write(b"event: error\n" + event({"error": {"message": message}, "message": message}))
        exchange.end()

    def call_id(self, index: int) -> str | None:
        """Empty."""
        return ""

    def stream(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """With `leaks`, calls come as the text the model wrote."""
        if self.leaks and reply.calls:
            text = "".join(
                f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'
                for name, arguments in reply.calls
            )
            reply = Reply(reply.content + text, reply.reasoning, [], "stop")
        return super().stream(reply, body)
