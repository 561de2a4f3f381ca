"""vLLM. Source: its documentation of the OpenAI-compatible server."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from agent.model.servers.base import Address, Capabilities, Server, Window


class Vllm(Server):
    """`/v1/models` has the window; tool calls are parsed only when the server was started for that."""

    name: ClassVar[str] = "vLLM"
    _repeat_penalty: ClassVar[str] = "repetition_penalty"

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """By `owned_by` of its models, or by a list with `max_model_len` and a `/version`."""
        if entry.get("owned_by") != "vllm" and "max_model_len" not in entry:
            return None
        version = (await address.get("/version") or {}).get("version")
        if entry.get("owned_by") != "vllm" and version is None:
            return None
        held = entry.get("max_model_len")
        server = cls(address, model, version=str(version or ""), window=Window(held if isinstance(held, int) else None))
        server.can = Capabilities(constrain="structured_outputs", continues=True, counts=True, reports_cached=True)
        return server

    async def count(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int | None:
        """By `/tokenize`, with the chat template."""
        body = {"model": self.model, "messages": messages, "add_generation_prompt": True}
        answer = await self.address.post("/tokenize", body | ({"tools": tools} if tools else {}), seconds=60.0) or {}
        counted = answer.get("count")
        return counted if isinstance(counted, int) else None

    def _constrain(self, body: dict[str, Any], extra: dict[str, Any], schema: dict[str, Any]) -> None:
        del body
        extra["structured_outputs"] = {"json": schema}

    def _remedy(self, window: int) -> str:
        return f"for more, start vLLM with --max-model-len {window}"
