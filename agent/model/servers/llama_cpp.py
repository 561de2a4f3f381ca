"""llama.cpp's `llama-server`, and what embeds it.

Source: llama.cpp, tools/server/README.md, and the server's own answers.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from agent.model.http import ask_json
from agent.model.servers.base import Address, Capabilities, Server, Window
from agent.model.types import Request


class LlamaCpp(Server):
    """`/props` has the window of one slot; it counts prompts, prefills and constrains replies, and reuses prefixes."""

    name: ClassVar[str] = "llama.cpp"

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """By `/props`, which has generation settings."""
        props = await address.get("/props") or {}
        settings = props.get("default_generation_settings")
        if not isinstance(settings, dict) or not isinstance(settings.get("n_ctx"), int):
            return None
        meta = entry.get("meta") or {}
        version = str(props.get("build_info") or "")
        held = settings["n_ctx"] or meta.get("n_ctx")
        server = cls(address, model, version=version, window=Window(held, trained=meta.get("n_ctx_train")))
        template = props.get("chat_template_caps")
        server.can = Capabilities(
            tools=bool(template.get("supports_tools")) if isinstance(template, dict) else None,
            constrain="json_schema",
            continues=True,
            counts=True,
            reports_cached=True,
            slots=slots if isinstance(slots := props.get("total_slots"), int) and slots > 0 else 1,
        )
        return server

    async def count(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int | None:
        """By `/v1/chat/completions/input_tokens`: exact, tools and template included."""
        body: dict[str, Any] = {"model": self.model, "messages": messages}
        if tools:
            body["tools"] = tools
        url = f"{self.address.base_url}/chat/completions/input_tokens"
        answer = await ask_json(self.address.http, "POST", url, body, seconds=60.0) or {}
        counted = answer.get("input_tokens")
        return counted if isinstance(counted, int) else None

    def body(self, request: Request) -> dict[str, Any]:
        """With the request's slot, where the session holds one."""
        body = super().body(request)
        if (slot := self.slot_for(request.slot)) is not None:
            body["extra_body"]["id_slot"] = slot
        return body

    def _extra(self) -> dict[str, Any]:
        return {"cache_prompt": True, "return_progress": True}

    def _remedy(self, window: int) -> str:
        return f"for more, start llama-server with --ctx-size {window} (a share of it for each slot)"


class Bundled(LlamaCpp):
    """The bundled runtime: a child process, started with the window that was asked for."""

    name: ClassVar[str] = "bundled"

    def _advice(self) -> str:
        return super()._advice() if self.window.asked else ""  # else the program chose the window

    def _remedy(self, window: int) -> str:
        return f"for more, say --context {window}; `swe-agent models fit` shows what fits this machine"
