"""SGLang's OpenAI-compatible server: shapes from its `srt/entrypoints`."""

from __future__ import annotations

from typing import Any, ClassVar

from doubles.base import Body, Exchange, Reply
from doubles.openai import OpenAIDouble


class SglangDouble(OpenAIDouble):
    """`report` as if started with `--enable-cache-report`; `old` has only the addresses that begin with `get_`."""

    server_header = "uvicorn"
    owned_by = "sglang"
    routes: ClassVar[dict[tuple[str, str], str]] = {
        **OpenAIDouble.routes,
        ("GET", "/get_model_info"): "model_info",
        ("GET", "/model_info"): "model_info",
        ("GET", "/get_server_info"): "server_info",
        ("GET", "/server_info"): "server_info",
        ("GET", "/health"): "health",
    }

    def __init__(self, *answers: Any, report: bool = False, old: bool = False, **more: Any) -> None:
        self.reports_cached = report
        self.old = old
        super().__init__(*answers, **more)

    def model_info(self, exchange: Exchange) -> None:
        """Which model."""
        if self.old and exchange.seen.path == "/model_info":
            self.not_found(exchange)
            return
        exchange.json({"model_path": f"/models/{self.model}", "tokenizer_path": f"/models/{self.model}",
                       "is_generation": True, "preferred_sampling_params": None, "weight_version": "default"})  # fmt: skip

    def server_info(self, exchange: Exchange) -> None:
        """With which settings; the window is null where the model's own is served."""
        if self.old and exchange.seen.path == "/server_info":
            self.not_found(exchange)
            return
        exchange.json({"model_path": f"/models/{self.model}", "served_model_name": self.model, "context_length": None,
                       "tool_call_parser": "qwen3_coder", "enable_cache_report": self.reports_cached,
                       "max_total_num_tokens": 414_382, "version": "0.5.9", "internal_states": [{}]})  # fmt: skip

    def health(self, exchange: Exchange) -> None:
        """Ready: an empty body."""
        exchange.send(b"")

    def model_entry(self) -> Body:
        """Its model, with the window it serves."""
        return {**super().model_entry(), "root": self.model, "parent": None, "max_model_len": self.window}

    def not_found(self, exchange: Exchange) -> None:
        """The web framework's words."""
        exchange.json({"detail": "Not Found"}, 404)

    def refuse(self, exchange: Exchange, status: int, message: str, kind: str = "BadRequestError") -> None:
        """Flat."""
        exchange.json({"object": "error", "message": message, "type": kind, "param": None, "code": status}, status)

    def overflow(self, exchange: Exchange) -> None:
        """Its own words."""
        asked = self.prompt_tokens(exchange.body)
        self.refuse(
            exchange,
            400,
            f"The input ({asked} tokens) is longer than the model's context length ({self.window} tokens).",
        )

    def call_id(self, index: int) -> str | None:
        """None after the first."""
        return None if index else "call_0"

    def usage(self, reply: Reply, body: Body) -> Body:
        """The details are null where nothing was cached."""
        usage = super().usage(reply, body)
        cached = usage.pop("prompt_tokens_details", {}).get("cached_tokens")
        return {**usage, "prompt_tokens_details": {"cached_tokens": cached} if cached else None}
