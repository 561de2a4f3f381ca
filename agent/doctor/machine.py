"""This machine: git, disk, memory, and the bundled runtime."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import anyio

from agent.bundled.server import find_runtime
from agent.catalogue.hardware import GIB, this_machine
from agent.catalogue.profiles import DEFAULT_MODEL
from agent.config import Settings
from agent.doctor.model import missing_model
from agent.doctor.report import Check, State
from agent.errors import ModelUnavailable
from agent.user_directories import home, models_directory

LITTLE_BYTES = 5_000_000_000
TOO_LITTLE_BYTES = 500_000_000
_GIT_SECONDS = 30.0


async def check_git() -> Check:
    """Whether git runs here, by running it."""
    found = shutil.which("git")
    if found is None:
        return Check("git", "fail", "git is not installed", "apt install git (or your system's own way)")
    try:
        with anyio.fail_after(_GIT_SECONDS):
            ran = await anyio.run_process([found, "--version"], check=False)
        told = ran.stderr.decode(errors="replace").strip()[-200:]
        reason = "" if ran.returncode == 0 else told or f"exit code {ran.returncode}"
    except TimeoutError:
        reason = f"no answer within {_GIT_SECONDS:.0f} s"
    except OSError as error:
        reason = str(error)
    if reason:
        return Check("git", "fail", f"{found} does not run: {reason}", "apt install --reinstall git")
    version = ran.stdout.decode(errors="replace").strip().removeprefix("git version ")
    return Check("git", "ok", f"{version} ({found})", figures={"version": version})


async def check_disk() -> Check:
    """Room where sessions, model files and temporary files lie, the tightest place deciding."""
    places = {
        "sessions": (home(), "SWE_AGENT_HOME"),
        "models": (models_directory(), "XDG_CACHE_HOME"),
        "temporary files": (Path(tempfile.gettempdir()), "TMPDIR"),
    }
    told, figures = [], {}
    worst: tuple[int, str] | None = None
    for what, (place, variable) in places.items():
        free = shutil.disk_usage(existing(place)).free
        told.append(f"{what} {free / 1e9:.1f} GB")
        figures[what.replace(" ", "_")] = {"path": str(place), "free_bytes": free}
        mend = f"free some room at {place}, or set {variable} to a directory on a larger disk"
        if worst is None or free < worst[0]:
            worst = free, mend
    assert worst is not None
    free, mend = worst
    line = f"free for {', '.join(told)}"
    if free >= LITTLE_BYTES:
        return Check("disk", "ok", line, figures=figures)
    return Check("disk", "fail" if free < TOO_LITTLE_BYTES else "warn", line, mend, figures=figures)


def existing(place: Path) -> Path:
    """The place itself, else the nearest directory above it that is there."""
    return next(each for each in (place, *place.parents) if each.is_dir())


async def check_runtime(settings: Settings) -> Check:
    """Whether the bundled runtime and a model for it are here; without a base URL both are needed."""
    state: State = "warn" if settings.base_url else "fail"
    unneeded = "; not needed with --base-url" if settings.base_url else ""
    try:
        kind, program = await find_runtime()
    except ModelUnavailable as error:
        return Check("bundled runtime", state, error.message + unneeded, error.hint, exit_code=3)
    runtime = program if kind == "llama-server" else kind
    asked = settings if not settings.base_url else settings.model_copy(update={"model": None})
    figures = {"runtime": kind, "program": program}
    if missing := missing_model(asked):
        told = f"{runtime}; {missing.message}{unneeded}"
        return Check("bundled runtime", state, told, missing.hint, exit_code=3, figures=figures)
    return Check("bundled runtime", "ok", f"{runtime}; {asked.model or DEFAULT_MODEL} is here", figures=figures)


async def check_memory() -> Check:
    """The memory a model may have."""
    machine = this_machine()
    told = f"{machine.ram_bytes / GIB:.1f} GiB"
    if machine.unified:
        told += f", {machine.gpu_bytes / GIB:.1f} GiB of it for the GPU"
    elif machine.gpus:
        gpus = "a GPU" if machine.gpus == 1 else f"{machine.gpus} GPUs"
        told += f", and {gpus} with {machine.gpu_bytes / GIB:.1f} GiB"
    else:
        told += ", no GPU"
    named = f" ({machine.name})" if machine.name else ""
    figures = {"ram_bytes": machine.ram_bytes, "gpu_bytes": machine.gpu_bytes, "gpus": machine.gpus}
    return Check("memory", "ok", f"{told}{named}; `swe-agent models fit` tells what fits", figures=figures)
