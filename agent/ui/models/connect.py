"""`swe-agent models connect`: prints the configuration that points another tool at a model server."""

from __future__ import annotations

import sys
from dataclasses import replace

import anyio

from agent.bundled.plan import DEFAULT_CONTEXT, PORT
from agent.catalogue.profiles import DEFAULT_MODEL, find_profile
from agent.config import Settings, load_settings
from agent.errors import BackendUnreachable, UsageError
from agent.integrations.connect import Endpoint, Tool, lines

DEFAULT_BASE_URL = f"http://127.0.0.1:{PORT}/v1"


def print_lines(tool: Tool, *, base_url: str | None, model: str | None, api_key: str | None) -> None:
    """Print the configuration that `tool` needs, on standard output.

    Where no server answers, the printed lines say so. Raises `BackendRefused` when the server refuses the key, other
    `BackendError`s, and `UsageError`.
    """
    settings, _, _ = load_settings({"base_url": base_url, "model": model, "api_key": api_key})
    sys.stdout.write(lines(tool, anyio.run(find_endpoint, settings)))


async def find_endpoint(settings: Settings) -> Endpoint:
    """The model and its window as its server reports them; from the catalogue, with a note, when no server answers."""
    base_url = settings.base_url or DEFAULT_BASE_URL
    try:
        model, server, window = await _query(base_url, settings)
        note = "" if window else f"the server does not report its window: {DEFAULT_CONTEXT} tokens are assumed"
    except BackendUnreachable:
        profile = find_profile(settings.model or DEFAULT_MODEL)
        model, server, window = settings.model or profile.name, "generic", settings.context or profile.window
        note = (
            f"no server answers at {base_url}: the model's name and the window ({window or DEFAULT_CONTEXT} tokens) "
            "are not measured; start one with `swe-agent models serve` and run this command again"
        )
    for name in (base_url, model):
        if not name.isprintable():
            raise UsageError(f"{name!r} can't be written into a file or a command", hint="name the model with --model")
    return Endpoint(
        base_url=base_url.rstrip("/"),
        model=model,
        server=server,
        window=window or DEFAULT_CONTEXT,
        sampling=find_profile(model).sampling,
        api_key_needed=bool(settings.api_key),
        note=note,
    )


async def _query(base_url: str, settings: Settings) -> tuple[str, str, int | None]:
    """The model's name, the server's kind, and the effective window in tokens."""
    from agent.model.servers import open_server

    server = await open_server(base_url, settings.api_key or "", settings.model, load=False)
    try:
        return server.model, server.name, replace(server.window, asked=settings.context).size
    finally:
        await server.close()
