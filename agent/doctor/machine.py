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

LOW_DISK_BYTES = 5_000_000_000
"""Free bytes below which disk space is a warning: a model file and an image of a sandbox take about so much."""
MIN_DISK_BYTES = 500_000_000
"""Free bytes below which it is a failure: a session's workspace and snapshots may not fit."""
_GIT_SECONDS = 30.0


async def check_git() -> Check:
    """Whether git runs on the host."""
    found = shutil.which("git")
    if found is None:
        return Check("git", "fail", "git is not installed", "apt install git (or your system's own way)")
    try:
        with anyio.fail_after(_GIT_SECONDS):
            ran = await anyio.run_process([found, "--version"], check=False)
        printed = ran.stderr.decode(errors="replace").strip()[-200:]
        reason = "" if ran.returncode == 0 else printed or f"exit code {ran.returncode}"
    except TimeoutError:
        reason = f"no answer within {_GIT_SECONDS:.0f} s"
    except OSError as error:
        reason = str(error)
    if reason:
        return Check("git", "fail", f"{found} does not run: {reason}", "apt install --reinstall git")
    version = ran.stdout.decode(errors="replace").strip().removeprefix("git version ")
    return Check("git", "ok", f"{version} ({found})", figures={"version": version})


async def check_disk() -> Check:
    """Free space for sessions, model files and temporary files; the smallest of the three decides."""
    directories = {
        "sessions": (home(), "SWE_AGENT_HOME"),
        "models": (models_directory(), "XDG_CACHE_HOME"),
        "temporary files": (Path(tempfile.gettempdir()), "TMPDIR"),
    }
    found, values, figures = [], [], {}
    for content, (path, variable) in directories.items():
        free = shutil.disk_usage(nearest_existing(path)).free
        found.append((free, f"free some space at {path}, or set {variable} to a directory on a larger disk"))
        values.append(f"{content} {free / 1e9:.1f} GB")
        figures[content.replace(" ", "_")] = {"path": str(path), "free_bytes": free}
    free, remedy = min(found)
    line = f"free for {', '.join(values)}"
    if free >= LOW_DISK_BYTES:
        return Check("disk", "ok", line, figures=figures)
    return Check("disk", "fail" if free < MIN_DISK_BYTES else "warn", line, remedy, figures=figures)


def nearest_existing(path: Path) -> Path:
    """The directory itself, else the nearest one above it that exists."""
    return next(each for each in (path, *path.parents) if each.is_dir())


async def check_runtime(settings: Settings) -> Check:
    """Whether the bundled runtime and a model for it are on this machine; without a base URL both are needed."""
    state: State = "warn" if settings.base_url else "fail"
    unneeded = "; not needed with --base-url" if settings.base_url else ""
    try:
        kind, program = await find_runtime()
    except ModelUnavailable as error:
        return Check("bundled runtime", state, error.message + unneeded, error.hint, exit_code=3)
    runtime = program if kind == "llama-server" else kind
    bundled = settings.model_copy(update={"model": None}) if settings.base_url else settings
    figures = {"runtime": kind, "program": program}
    if missing := missing_model(bundled):
        value = f"{runtime}; {missing.message}{unneeded}"
        return Check("bundled runtime", state, value, missing.hint, exit_code=3, figures=figures)
    value = f"{runtime}; {bundled.model or DEFAULT_MODEL} is on this machine"
    return Check("bundled runtime", "ok", value, figures=figures)


async def check_memory() -> Check:
    """The memory that this machine has for a model."""
    machine = this_machine()
    value = f"{machine.ram_bytes / GIB:.1f} GiB"
    if machine.unified:
        value += f", {machine.gpu_bytes / GIB:.1f} GiB of it for the GPU"
    elif machine.gpus:
        gpus = "a GPU" if machine.gpus == 1 else f"{machine.gpus} GPUs"
        value += f", and {gpus} with {machine.gpu_bytes / GIB:.1f} GiB"
    else:
        value += ", no GPU"
    named = f" ({machine.name})" if machine.name else ""
    figures = {"ram_bytes": machine.ram_bytes, "gpu_bytes": machine.gpu_bytes, "gpus": machine.gpus}
    return Check("memory", "ok", f"{value}{named}; `swe-agent models fit` shows what fits", figures=figures)
