"""Any server that speaks the OpenAI API and says nothing more of itself."""

from __future__ import annotations

from typing import Any, Self

from agent.model.servers.base import Address, Server, Window


class Generic(Server):
    """A server of unknown kind: nothing is known of its window unless it tells by a common name."""

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """Takes whatever is there."""
        names = ("max_model_len", "context_length", "context_window", "max_context_length")
        held = next((entry[name] for name in names if isinstance(entry.get(name), int)), None)
        return cls(address, model, window=Window(held))
