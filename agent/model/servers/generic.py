"""Any server of the OpenAI API that is of no known kind."""

from __future__ import annotations

from typing import Any, Self

from agent.model.servers.base import Address, Server, Window


class Generic(Server):
    """A server of unknown kind: its window is unknown unless its list of models has it under a common name."""

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """Any server."""
        names = ("max_model_len", "context_length", "context_window", "max_context_length")
        held = next((entry[name] for name in names if isinstance(entry.get(name), int)), None)
        return cls(address, model, window=Window(held))
