"""A model ready to be asked: the server, measured, and the profile to use it by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import Settings
from agent.model.catalogue import DEFAULT_MODEL, Profile, find_profile
from agent.model.client import ModelClient, open_client
from agent.model.servers.probe import Found, probe
from agent.model.types import Sampling

if TYPE_CHECKING:
    from agent.model.pull import Progress

UNKNOWN_WINDOW = 32_768
BUNDLED_WINDOW = 8_192  # the default of the bundled runtime: what a small model uses well, in little memory


@dataclass(frozen=True)
class Backend:
    """A model to ask. `window` is the smallest of what is held, asked for and trained, in tokens."""

    client: ModelClient
    profile: Profile
    found: Found
    base_url: str
    window: int
    sampling: Sampling
    warnings: tuple[str, ...] = ()


def _sampling(profile: Profile, settings: Settings) -> Sampling:
    own = profile.sampling
    temperature = own.temperature if settings.temperature is None else settings.temperature
    return Sampling(temperature, own.top_p, own.top_k, own.min_p, own.repeat_penalty, settings.seed)


def _window(found: Found, profile: Profile, asked: int | None) -> tuple[int, list[str]]:
    """The window that counts, and what the user should know about it."""
    known = [each for each in (found.held, asked, found.trained or profile.window) if each]
    warnings = [found.advice] if found.advice else []
    if found.held is None and asked is None:
        window = min([UNKNOWN_WINDOW, *known])
        warnings.append(
            f"the server does not tell its context window; {window} tokens are assumed (set it with --context)"
        )
        return window, warnings
    window = min(known)
    if asked and found.held and found.held < asked:
        warnings.append(f"the server holds a window of {found.held} tokens; {asked} were asked for")
    trained = found.trained or profile.window
    if not found.advice and not asked and trained and window < trained and window < UNKNOWN_WINDOW:
        warnings.append(f"the window is {window} tokens, as the server holds; the model was trained for {trained}")
    return window, warnings


@asynccontextmanager
async def open_backend(
    settings: Settings,
    *,
    log_path: Path,
    on_progress: Callable[[str], None] = lambda _: None,
    on_download: Callable[[Progress], None] | None = None,
) -> AsyncIterator[Backend]:
    """The backend the settings name, else the bundled runtime with the default model.

    `log_path` is the bundled runtime's log. Raises `BackendError`s.
    """
    if settings.base_url:
        found = await probe(settings.base_url, settings.api_key or "", settings.model, on_progress)
        async with _connected(settings, settings.base_url, found, find_profile(found.model)) as backend:
            yield backend
        return
    from agent.model.servers.bundled import open_bundled

    profile = find_profile(settings.model or DEFAULT_MODEL)
    on_progress(f"starting the bundled runtime with {profile.name}")
    context = settings.context or min(BUNDLED_WINDOW, profile.window or BUNDLED_WINDOW)
    server = await open_bundled(profile, context=context, parallel=1, log_path=log_path, on_progress=on_download)
    async with server:
        found = await probe(server.base_url, "", None)
        found = Found(f"bundled {server.kind}", found.model, found.held, found.trained)
        asked = settings.model_copy(update={"context": context})
        async with _connected(asked, server.base_url, found, profile) as backend:
            yield backend


@asynccontextmanager
async def _connected(settings: Settings, base_url: str, found: Found, profile: Profile) -> AsyncIterator[Backend]:
    window, warnings = _window(found, profile, settings.context)
    sdk = open_client(base_url, settings.api_key or "")
    extra = {"cache_prompt": True} if "llama" in found.server or "bundled" in found.server else {}
    try:
        yield Backend(
            client=ModelClient(sdk, found.model, extra=extra),
            profile=profile,
            found=found,
            base_url=base_url,
            window=window,
            sampling=_sampling(profile, settings),
            warnings=tuple(warnings),
        )
    finally:
        await sdk.close()
