"""The model a run's sessions share: the server that was named, or the bundled runtime, started once for all."""

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
class Served:
    """The model that answers, the settings that reach it, and how many it answers at once (None: not told)."""

    model: str
    settings: Settings
    slots: int | None


@asynccontextmanager
async def serve_all(
    settings: Settings, *, workers: int, log_path: Path, on_progress: Callable[[str], None]
) -> AsyncIterator[Served]:
    """A model for `workers` sessions at once. Raises `BackendError`s."""
    if settings.base_url:
        server = await open_server(settings.base_url, settings.api_key or "", settings.model, load=False)
        try:
            served = Served(server.model, settings, await _slots(server))
        finally:
            await server.close()
        yield served
        return
    from agent.bundled.plan import Wanted, prepare

    name = settings.model or DEFAULT_MODEL
    profile = find_profile(name)
    on_progress(f"starting the bundled runtime with {name} for {workers} session{'s' if workers > 1 else ''} at once")
    strategy = profile.strategy if settings.strategy == "auto" else settings.strategy
    wished = settings.context or (GUIDED_WINDOW if strategy == "guided" else None)
    context = min(wished, profile.window or wished) if wished else None
    runtime = await prepare(Wanted(model=name, context=context, parallel=workers, port=0), log_path=log_path)
    async with runtime:
        yield Served(
            runtime.model_id, settings.model_copy(update={"base_url": runtime.base_url, "model": name}), workers
        )


async def _slots(server: Server) -> int | None:
    """How many requests the server answers at once, where it says (llama.cpp does)."""
    props = await server.address.get("/props") or {}
    slots = props.get("total_slots")
    return slots if isinstance(slots, int) and slots > 0 else None


def too_many(workers: int, slots: int | None) -> str:
    """What to tell a user whose workers will wait for each other; empty when they won't, or nobody knows."""
    if slots is None or workers <= slots:
        return ""
    return (
        f"the server answers {slots} request{'s' if slots > 1 else ''} at once: {workers} workers wait for each other, "
        f"which counts in their times and limits (--workers {slots}, or a server with --parallel {workers})"
    )
