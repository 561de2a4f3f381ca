"""vLLM's OpenAI-compatible server: shapes from its `entrypoints/openai`."""

from __future__ import annotations

from typing import Any, ClassVar

from doubles.base import Body, Exchange, tokens_in
from doubles.openai import OpenAIDouble

_NO_TOOLS = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


class VllmDouble(OpenAIDouble):
    """`tools_enabled` as if started with a tool-call parser; `flat` gives errors in the form of older versions;
    `details` as if started with `--enable-prompt-tokens-details`. The begun reply is not repeated in the answer.
    """

    server_header = "uvicorn"
    owned_by = "vllm"
    routes: ClassVar[dict[tuple[str, str], str]] = {
        **OpenAIDouble.routes,
        ("GET", "/version"): "version",
        ("GET", "/health"): "health",
        ("POST", "/tokenize"): "tokenize",
    }

    def __init__(self, *answers: Any, tools_enabled: bool = True, details: bool = False, **more: Any) -> None:
        self.tools_enabled = tools_enabled
        self.flat = False
        self.reports_cached = details
        super().__init__(*answers, **more)

    def version(self, exchange: Exchange) -> None:
        """Its version."""
        exchange.json({"version": "0.21.0"})

    def health(self, exchange: Exchange) -> None:
        """Ready: an empty body."""
        exchange.send(b"")

    def model_entry(self) -> Body:
        """Its model, with the window it serves."""
        return {**super().model_entry(), "root": self.model, "parent": None, "max_model_len": self.window}

    def tokenize(self, exchange: Exchange) -> None:
        """Tokens of a prompt or a conversation."""
        body = exchange.body
        count = self.prompt_tokens(body) if "messages" in body else tokens_in(body.get("prompt") or "")
        exchange.json({"count": count, "max_model_len": self.window, "tokens": list(range(count)), "token_strs": None})

    def not_found(self, exchange: Exchange) -> None:
        """The web framework's words."""
        exchange.json({"detail": "Not Found"}, 404)

    def refuse(self, exchange: Exchange, status: int, message: str, kind: str = "BadRequestError") -> None:
        """Nested, or flat as older versions do."""
        kind = "BadRequestError" if kind == "invalid_request_error" else kind
        error = {"message": message, "type": kind, "param": None, "code": status}
        exchange.json({"object": "error", **error} if self.flat else {"error": error}, status)

    def objects(self, exchange: Exchange) -> bool:
        """A wrong model, tools without a parser, fields that are gone."""
        body = exchange.body
        if body.get("model") not in {None, self.model}:
            self.refuse(exchange, 404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        elif body.get("tools") and body.get("tool_choice", "auto") == "auto" and not self.tools_enabled:
            self.refuse(exchange, 400, _NO_TOOLS)
        elif body.get("continue_final_message") and body.get("add_generation_prompt", True):
            self.refuse(exchange, 400, "Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
        else:
            return False
        return True
