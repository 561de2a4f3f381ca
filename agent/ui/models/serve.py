"""`swe-agent models serve`: starts the bundled runtime, prints how to use it, and runs until a signal."""

from __future__ import annotations

import ipaddress
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from agent.app.interrupts import EXIT_CODE as INTERRUPTED
from agent.app.interrupts import interruptible
from agent.bundled.plan import ServeOptions, prepare
from agent.errors import ModelUnavailable
from agent.session.live import DownloadAdvanced
from agent.ui.terminal import Terminal
from agent.user_directories import home

if TYPE_CHECKING:
    from agent.bundled.server import BundledServer
    from agent.catalogue.download import DownloadProgress


def run_serve(options: ServeOptions) -> int:
    """Serve a model until SIGINT (exit code 130) or SIGTERM (0, the way services are ended).

    Raises `ModelUnavailable` when the server can't be started or dies, `UsageError` for impossible options.
    """
    return anyio.run(_serve, options)


async def _serve(options: ServeOptions) -> int:
    """Serve until a signal arrives, and return the exit code for it."""
    from rich.console import Console

    terminal = Terminal(Console(stderr=True, soft_wrap=True))
    log_path = home() / "logs" / f"serve-{os.getpid()}.log"
    received: list[signal.Signals] = []

    def show_download(progress: DownloadProgress) -> None:
        terminal(DownloadAdvanced(progress.done, progress.total, progress.source))

    async def serve() -> str:
        prepared = await prepare(options, log_path=log_path, on_progress=show_download)
        terminal.report(f"starting {prepared.model_path.name} ({prepared.context:,} tokens in each slot)")
        async with prepared as server:
            for line in description(server):
                sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
            return await server.ended()

    died = await interruptible(serve, on_signal=received.append)
    if died is not None:
        raise ModelUnavailable(died, hint="start it again; a smaller --context or model needs less memory")
    log_path.unlink(missing_ok=True)  # kept only where something went wrong
    return INTERRUPTED if signal.SIGINT in received else 0


def description(server: BundledServer) -> list[str]:
    """What a user should know of the running server, as lines."""
    slots = f"{server.parallel} slot{'s' if server.parallel > 1 else ''}"
    use = "one for a session, the rest for side calls and others" if server.parallel > 1 else "one request at a time"
    settings = server.settings
    key = " --api-key KEY" if settings.api_key else ""
    runtime = server.program if server.kind == "llama-server" else server.kind
    lines = [
        f"{server.model_id} is served by llama.cpp ({runtime})",
        f"  file      {server.model_path}, {_size(server.model_path)}",
        f"  base URL  {server.base_url}",
        f"  window    {server.context:,} tokens in each of {slots} ({use}), {settings.kv_type} cache",
        f"  log       {server.log_path}",
        f"  use it    swe-agent fix --base-url {server.base_url}{key} --issue ISSUE",
        f"  or with   swe-agent models connect TOOL --base-url {server.base_url}{key}",
    ]
    if settings.yarn:
        lines.insert(
            4, f"            stretched {settings.yarn.factor:g} times by YaRN: short prompts get a little worse"
        )
    if not settings.api_key and not _is_loopback(settings.host):
        lines.append(
            f"  careful   everyone who reaches {shlex.quote(settings.host)} can use it: --api-key asks for one"
        )
    return [*lines, "Ctrl-C ends it."]


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e9:.1f} GB"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
