"""LM Studio. Source: its documentation of the REST API, v1 and the older v0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from agent.errors import ModelUnavailable
from agent.model.servers.base import ENOUGH, Address, Capabilities, OnProgress, Server, Window

LOAD_SECONDS = 900.0


@dataclass(frozen=True)
class _Model:
    """A model as LM Studio lists it; windows in tokens, `held` None while it is not loaded."""

    names: frozenset[str]
    held: int | None
    trained: int | None
    tools: bool | None


class LmStudio(Server):
    """Its own list of models has the windows; newer versions load a model with a given one."""

    name: ClassVar[str] = "LM Studio"
    can = Capabilities()

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """By its own list of models."""
        del entry
        return None if await _listed(address) is None else cls(address, model)

    async def running(self) -> str | None:
        """The first loaded model."""
        loaded = [each for each in await _listed(self.address) or [] if each.held]
        return min(loaded[0].names, key=len) if loaded else None

    async def inspect(self) -> None:
        """By its own list of models."""
        own = await self._own()
        self.can = Capabilities(tools=own.tools)
        self.window = Window(own.held, None, own.trained)
        self.advice = self._advice()

    async def load(self, context: int | None, on_progress: OnProgress) -> None:
        """Load the model when it is not loaded, or with too small a window. Raises `ModelUnavailable`."""
        own = await self._own()
        self.can = Capabilities(tools=own.tools)
        before, trained = own.held, own.trained
        enough = min(trained or ENOUGH, ENOUGH)
        wanted = min(context or max(enough, before or 0), trained or ENOUGH)
        if before is None or before < wanted:
            on_progress(f"LM Studio is loading {self.model} with a window of {wanted:,} tokens")
            body = {"model": self.model, "context_length": wanted}
            loaded = await self.address.post("/api/v1/models/load", body, seconds=LOAD_SECONDS)
            own = await self._own()
            if loaded is None and own.held is None and await self.address.get("/api/v1/models"):
                raise ModelUnavailable(
                    f"LM Studio did not load {self.model}", hint=f"load it by hand: lms load {self.model} -c {wanted}"
                )
        self.window = Window(own.held, context, trained)
        self.advice = self._advice()
        if before and own.held and before < own.held and not self.advice:
            self.advice = f"LM Studio held a window of {before:,} tokens and was made to hold {own.held:,}"

    async def _own(self) -> _Model:
        unknown = _Model(frozenset(), None, None, None)
        return next((each for each in await _listed(self.address) or [] if self.model in each.names), unknown)

    def _remedy(self, window: int) -> str:
        return f"for more, run: lms load {self.model} -c {window}"


async def _listed(address: Address) -> list[_Model] | None:
    """The models but those for embeddings, or None where this is no LM Studio."""
    listed = (await address.get("/api/v1/models") or {}).get("models")
    if isinstance(listed, list) and any(isinstance(each, dict) and "loaded_instances" in each for each in listed):
        return [_from_v1(each) for each in listed if each.get("type") != "embedding"]
    listed = (await address.get("/api/v0/models") or {}).get("data")
    if isinstance(listed, list) and any(isinstance(each, dict) and "state" in each for each in listed):
        return [_from_v0(each) for each in listed if each.get("type") != "embeddings"]
    return None


def _from_v1(entry: dict[str, Any]) -> _Model:
    instances = entry.get("loaded_instances") or []
    windows = [(each.get("config") or {}).get("context_length") for each in instances]
    names = {entry.get("key"), entry.get("id"), *(each.get("id") for each in instances)}
    return _Model(
        frozenset(name for name in names if isinstance(name, str)),
        max((each for each in windows if isinstance(each, int)), default=None),
        _positive(entry.get("max_context_length")),
        (entry.get("capabilities") or {}).get("trained_for_tool_use"),
    )


def _from_v0(entry: dict[str, Any]) -> _Model:
    return _Model(
        frozenset({str(entry.get("id"))}),
        _positive(entry.get("loaded_context_length")) if entry.get("state") == "loaded" else None,
        _positive(entry.get("max_context_length")),
        None,
    )


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
