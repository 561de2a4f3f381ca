"""The model that all sessions of a run share: a server the user named, or the bundled runtime, started once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.backend import GUIDED_WINDOW
from agent.catalogue.profiles import DEFAULT_MODEL, find_profile
from agent.config import Settings
from agent.model.servers.base import Server
from agent.model.servers.probe import open_server


@dataclass(frozen=True)
class SharedModel:
    """The name of the model, the settings that reach it, and its slots: requests it answers at once (None: unknown)."""

    model: str
    settings: Settings
    slots: int | None


@asynccontextmanager
async def open_shared_model(
    settings: Settings, *, workers: int, log_path: Path, on_progress: Callable[[str], None]
) -> AsyncIterator[SharedModel]:
    """A model for `workers` sessions at once. Raises `BackendError`s."""
    if settings.base_url:
        server = await open_server(settings.base_url, settings.api_key or "", settings.model, load=False)
        try:
            model = SharedModel(server.model, settings, await _slots(server))
        finally:
            await server.close()
        yield model
        return
    from agent.bundled.plan import ServeOptions, prepare

    name = settings.model or DEFAULT_MODEL
    profile = find_profile(name)
    on_progress(f"starting the bundled runtime with {name} for {workers} session{'s' if workers > 1 else ''} at once")
    strategy = profile.strategy if settings.strategy == "auto" else settings.strategy
    context = settings.context or (GUIDED_WINDOW if strategy == "guided" else None)
    context = min(context, profile.window or context) if context else None
    runtime = await prepare(ServeOptions(model=name, context=context, parallel=workers, port=0), log_path=log_path)
    async with runtime:
        yield SharedModel(
            runtime.model_id, settings.model_copy(update={"base_url": runtime.base_url, "model": name}), workers
        )


async def _slots(server: Server) -> int | None:
    """How many requests the server answers at once; None where it does not say (llama.cpp does)."""
    props = await server.address.get("/props") or {}
    slots = props.get("total_slots")
    return slots if isinstance(slots, int) and slots > 0 else None


def slots_warning(workers: int, slots: int | None) -> str:
    """A warning where workers will wait for each other; empty where they won't, or where the slots are unknown."""
    if slots is None or workers <= slots:
        return ""
    return (
        f"the server answers {slots} request{'s' if slots > 1 else ''} at once: {workers} workers wait for each other, "
        f"which counts in their times and limits (--workers {slots}, or a server with --parallel {workers})"
    )
