"""The model of a session: a server whose window was measured, and the profile to use it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.catalogue.modes import ToolCallMode
from agent.catalogue.profiles import DEFAULT_MODEL, GENERIC, Profile, find_profile
from agent.config import Settings
from agent.model.client import ModelClient
from agent.model.library import start_import
from agent.model.servers.base import Server, Window
from agent.model.servers.llama_cpp import Bundled
from agent.model.servers.probe import open_server
from agent.model.slots import own_slot
from agent.model.tool_calling import ToolCallModeMemory, ToolCallPolicy
from agent.model.types import Sampling

if TYPE_CHECKING:
    from agent.catalogue.download import DownloadProgress

UNKNOWN_WINDOW = 32_768
"""The window in tokens that is assumed where the server does not say."""
GUIDED_WINDOW = 8_192
"""The window in tokens for the guided strategy at the bundled runtime: enough for its prompts, in little memory."""


@dataclass(frozen=True)
class Backend:
    """A model and how to use it. `window` is the smallest of the windows held, asked for and trained, in tokens."""

    client: ModelClient
    server: Server
    profile: Profile
    window: int
    sampling: Sampling
    warnings: tuple[str, ...] = ()
    memory: ToolCallModeMemory = field(default_factory=ToolCallModeMemory)

    def tool_calls(self) -> ToolCallPolicy:
        """How calls are asked for: in the mode that worked last, else the profile's."""
        wanted = self.memory.recall(self.server) or self.profile.tool_calling
        return ToolCallPolicy.starting(self.server.can, wanted)

    def remember(self, mode: ToolCallMode, why: str) -> None:
        """Begin the next session with this mode."""
        self.memory.remember(self.server, mode, why)


def _sampling(profile: Profile, settings: Settings) -> Sampling:
    own = profile.sampling
    temperature = own.temperature if settings.temperature is None else settings.temperature
    return Sampling(temperature, own.top_p, own.top_k, own.min_p, own.repeat_penalty, settings.seed)


def usable_window(window: Window, profile: Profile) -> tuple[int, str]:
    """The window to use, in tokens, and a warning where it is assumed."""
    known = Window(window.held, window.asked, window.trained or profile.window).size
    if window.held is None and window.asked is None:
        size = min(UNKNOWN_WINDOW, known or UNKNOWN_WINDOW)
        warning = f"the server does not report its context window; {size:,} tokens are assumed (set it with --context)"
        return size, warning
    return known or UNKNOWN_WINDOW, ""


@asynccontextmanager
async def open_backend(
    settings: Settings,
    *,
    log_path: Path,
    on_progress: Callable[[str], None] = lambda _: None,
    on_download: Callable[[DownloadProgress], None] | None = None,
) -> AsyncIterator[Backend]:
    """The backend of the settings, else the bundled runtime with the default model.

    `log_path` is the bundled runtime's log. Raises `BackendError`s.
    """
    start_import()
    if settings.base_url:
        server = await open_server(
            settings.base_url, settings.api_key or "", settings.model, context=settings.context, on_progress=on_progress
        )
        known = find_profile(settings.model or server.model)
        profile = find_profile(server.model) if known.name == GENERIC else known
        try:
            with own_slot(server):
                yield _backend(server, profile, settings)
        finally:
            await server.close()
        return
    async with _bundled(settings, log_path, on_progress, on_download) as backend:
        yield backend


@asynccontextmanager
async def _bundled(
    settings: Settings,
    log_path: Path,
    on_progress: Callable[[str], None],
    on_download: Callable[[DownloadProgress], None] | None,
) -> AsyncIterator[Backend]:
    """The bundled runtime with one slot, and the window that was asked for, else that of the strategy."""
    from agent.bundled.plan import ServeOptions, prepare

    name = settings.model or DEFAULT_MODEL
    profile = find_profile(name)
    on_progress(f"starting the bundled runtime with {profile.name if profile.name != GENERIC else name}")
    guided = (profile.strategy if settings.strategy == "auto" else settings.strategy) == "guided"
    wished = settings.context or (GUIDED_WINDOW if guided else None)
    context = min(wished, profile.window or wished) if wished else None
    options = ServeOptions(model=name, context=context, parallel=1, port=0)
    runtime = await prepare(options, log_path=log_path, on_progress=on_download)
    async with runtime:
        server = await open_server(runtime.base_url, context=settings.context, kind=Bundled)
        server.version = runtime.kind
        try:
            yield _backend(server, profile, settings)
        finally:
            await server.close()


def _backend(server: Server, profile: Profile, settings: Settings) -> Backend:
    window, warning = usable_window(server.window, profile)
    return Backend(
        client=ModelClient(server),
        server=server,
        profile=profile,
        window=window,
        sampling=_sampling(profile, settings),
        warnings=tuple(filter(None, (server.advice, warning))),
    )
