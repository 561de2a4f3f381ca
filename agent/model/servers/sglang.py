"""SGLang. Source: its documentation of the native and the OpenAI-compatible APIs."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from agent.model.servers.base import Address, Capabilities, Server, Window


class Sglang(Server):
    """`/v1/models` has the window, `/server_info` (older: `/get_server_info`) the version."""

    name: ClassVar[str] = "SGLang"
    _repeat_penalty: ClassVar[str] = "repetition_penalty"

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """By `owned_by` of its models, or by its own endpoints."""
        named = entry.get("owned_by") == "sglang"
        if not named and "max_model_len" not in entry:
            return None
        info = await address.get("/server_info") or await address.get("/get_server_info") or {}
        if not named and not {"version", "context_length", "max_total_num_tokens"} & set(info):
            return None
        figures = [entry.get("max_model_len"), info.get("max_total_num_tokens")]
        held = min((each for each in figures if isinstance(each, int) and each > 0), default=None)
        server = cls(address, model, version=str(info.get("version") or ""), window=Window(held))
        server.can = Capabilities(
            constrain="json_schema",
            continues=True,
            reports_cached=bool(info.get("enable_cache_report")),
        )
        return server

    def _remedy(self, window: int) -> str:
        return f"for more, start SGLang with --context-length {window} (its memory for tokens permitting)"
