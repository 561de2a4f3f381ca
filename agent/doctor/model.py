"""The model server: whether it answers, its kind, its context window, its tool calls and its speed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from agent.backend import Backend, open_backend, usable_window
from agent.catalogue.download import hub_command, on_disk
from agent.catalogue.profiles import DEFAULT_MODEL, GENERIC, Profile, find_profile
from agent.config import Settings
from agent.doctor.performance import check_performance
from agent.doctor.probe_client import ProbeClient
from agent.doctor.report import Check, Report, remedy_for
from agent.doctor.tool_calling import NAMES, add_current_mode, check_tool_calling
from agent.errors import ModelUnavailable, SweAgentError
from agent.model.client import ModelClient
from agent.model.servers import open_server
from agent.model.types import Sampling
from agent.user_directories import home

OnProgress = Callable[[str], None]

_UNSET = "no --base-url is set, and "
_UNKNOWN_WINDOW = {"held": "held unknown", "asked": "none asked for", "trained": "trained unknown"}


async def check_model(report: Report, settings: Settings, *, quick: bool, on_progress: OnProgress) -> None:
    """Checks the model server. With `quick` no model is loaded and no request is sent to one."""
    if quick and not settings.base_url:
        report.add(_not_started(settings))
        return
    async with AsyncExitStack() as stack:
        try:
            backend = await stack.enter_async_context(_open(settings, quick, on_progress))
        except SweAgentError as error:
            report.add(Check("backend", "fail", error.message, remedy_for(error), error.exit_code))
            return
        except Exception as error:  # a mistake of ours must not hide what else is wrong
            report.add(Check("backend", "fail", f"internal error: {error!r}", "please report it, with this line"))
            return
        report.add(_server_line(report, backend))
        report.add(_window_line(report, backend))
        if quick:
            add_current_mode(report, backend)
            used = report.parts["rungs"]
            report.add(Check("tool calling", "ok", f"sessions begin with {NAMES[used['used']]} ({used['why']})"))
            return
        client = ProbeClient(backend.server)
        strategy = backend.profile.strategy if settings.strategy == "auto" else settings.strategy
        await check_tool_calling(report, backend, client, guided=strategy == "guided", on_progress=on_progress)
        await check_performance(report, backend, client, on_progress=on_progress)


def missing_model(settings: Settings) -> ModelUnavailable | None:
    """Why the bundled runtime has no model file to start, with the command that gets it; None when it has."""
    name = settings.model or DEFAULT_MODEL
    profile = find_profile(name)
    file = None if profile.name == GENERIC or name.lower().endswith(".gguf") else profile.gguf_file()
    if file is None or on_disk(profile):
        return None  # starting the runtime shows what is wrong with other names
    command = hub_command(file) if len(file.parts) > 1 else f"swe-agent models pull {profile.name}"
    return ModelUnavailable(f"{profile.name} ({file.bytes / 1e9:.1f} GB) is not on this machine", hint=command)


@asynccontextmanager
async def _open(settings: Settings, quick: bool, on_progress: OnProgress) -> AsyncIterator[Backend]:
    """The backend; its model is loaded unless `quick`. A model for the bundled runtime is not downloaded."""
    if quick and settings.base_url:
        server = await open_server(
            settings.base_url, settings.api_key or "", settings.model, load=False, on_progress=on_progress
        )
        server.window = replace(server.window, asked=settings.context)
        profile = _profile(settings.model or "", server.model)
        window, warning = usable_window(server.window, profile)
        warnings = tuple(filter(None, (server.advice, warning)))
        try:
            yield Backend(ModelClient(server), server, profile, window, Sampling(), warnings)
        finally:
            await server.close()
        return
    if not settings.base_url and (missing := missing_model(settings)):
        raise ModelUnavailable(f"{_UNSET}{missing.message}", hint=missing.hint)
    log = home() / "logs" / f"doctor-{os.getpid()}.log"
    async with open_backend(settings, log_path=log, on_progress=on_progress) as backend:
        yield backend
    log.unlink(missing_ok=True)  # kept only where the runtime failed, to show why


def _profile(requested: str, served: str) -> Profile:
    known = find_profile(requested) if requested else find_profile(served)
    return find_profile(served) if known.name == GENERIC else known


def _not_started(settings: Settings) -> Check:
    if missing := missing_model(settings):
        return Check("backend", "fail", f"{_UNSET}{missing.message}", missing.hint, exit_code=3)
    name = settings.model or DEFAULT_MODEL
    return Check("backend", "ok", f"the bundled runtime with {name}, which is on this machine (not started: --quick)")


def _server_line(report: Report, backend: Backend) -> Check:
    server = backend.server
    figures = {
        "name": server.name,
        "version": server.version,
        "url": server.address.base_url,
        "model": server.model,
        "profile": backend.profile.name,
    }
    report.add_figures("server", **figures)
    where = "" if server.name == "bundled" else f" at {server.address.base_url}"
    return Check("backend", "ok", f"{server.title}{where}: {server.model} (profile {backend.profile.name})")


def _window_line(report: Report, backend: Backend) -> Check:
    window = backend.server.window
    figures = {"held": window.held, "asked": window.asked, "trained": window.trained or backend.profile.window}
    report.add_figures("window", **figures, used=backend.window)
    known = [f"{name} {tokens:,}" if tokens else _UNKNOWN_WINDOW[name] for name, tokens in figures.items()]
    line = f"{backend.window:,} tokens ({', '.join(known)})"
    return Check("window", "warn" if backend.warnings else "ok", line, "; ".join(backend.warnings))
