"""What the bundled server is started with: the runtime on this machine, its settings, its arguments and environment.

The arguments are those of `_child`: a whole command line for a `llama-server`, single values for the embedded server,
to the same effect. Options that an installed `llama-server` may be too old for go by the environment: it ignores them
there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio

from agent.errors import ModelUnavailable

if TYPE_CHECKING:
    from agent.catalogue.memory import KvType
    from agent.catalogue.profiles import Sampling, Yarn

__all__ = ["Kind", "RuntimeSettings", "child_arguments", "environment", "find_runtime", "threads"]

Kind = Literal["llama-server", "xllamacpp"]

_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"}
# The user's own settings that would refuse our requests, load another model, or share the slots' memory.
_REMOVED_VARIABLES = {
    "LLAMA_API_KEY", "LLAMA_ARG_API_KEY_FILE", "LLAMA_ARG_API_PREFIX", "LLAMA_ARG_DOCKER_REPO", "LLAMA_ARG_HF_FILE",
    "LLAMA_ARG_HF_REPO", "LLAMA_ARG_KV_UNIFIED", "LLAMA_ARG_MMPROJ_URL", "LLAMA_ARG_MODELS_DIR",
    "LLAMA_ARG_MODELS_PRESET", "LLAMA_ARG_MODEL_URL", "LLAMA_ARG_SSL_CERT_FILE", "LLAMA_ARG_SSL_KEY_FILE",
}  # fmt: skip


@dataclass(frozen=True)
class RuntimeSettings:
    """How to serve a model, apart from its file and context. The defaults are for a server of this process alone."""

    name: str = ""
    """The model's name in requests; empty is the file's name."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 is any that is free."""
    kv_type: KvType = "f16"
    """The type of the cache's keys and values; quantized ones turn on flash attention, which they need."""
    yarn: Yarn | None = None
    """How the window is stretched; None leaves it as it was trained."""
    sampling: Sampling | None = None
    """For requests that set none; None leaves it to the server."""
    api_key: str = field(default="", repr=False)
    """The key that every request must have; empty is none."""


async def find_runtime() -> tuple[Kind, str]:
    """The runtime on this machine and its program: a `llama-server` that runs, else `xllamacpp`.

    Raises ModelUnavailable when there is neither.
    """
    broken = ""
    if server := _installed():
        reason = await anyio.to_thread.run_sync(_failure, server)
        if not reason:
            return "llama-server", server
        broken = f" ({server} does not run: {reason})"
    if importlib.util.find_spec("xllamacpp"):
        return "xllamacpp", sys.executable
    raise ModelUnavailable(
        f"there is no runtime for local models here{broken}",
        hint='pip install "swe-agent[local]", or put llama.cpp\'s llama-server on PATH, '
        "or point --base-url at a server that runs already",
    )


def threads(cores: int | None = None, per_core: int | None = None) -> tuple[int, int]:
    """Threads for generating and for processing a prompt, on `cores` (default: those this process may use).

    Processing a prompt is bound by arithmetic and gains from every thread. Generating is bound by memory: the hardware
    threads that share a core (`per_core` of them) gain nothing.
    """
    cores = _cores() if cores is None else cores
    per_core = _threads_per_core() if per_core is None else per_core
    return max(1, cores // per_core), max(1, cores)


def child_arguments(
    kind: Kind, program: str, model: Path, *, context: int, parallel: int, settings: RuntimeSettings
) -> dict[str, object]:
    """The child's JSON argument. Each of `parallel` slots gets `context` tokens."""
    if kind == "llama-server":
        return {"command": [program, *_options(model, context, parallel, settings)]}
    generate, read = threads()
    yarn, sampling = settings.yarn, settings.sampling
    return {
        "model": str(model),
        "alias": settings.name or model.stem,
        "host": settings.host,
        "port": settings.port,
        "context": context * parallel,
        "parallel": parallel,
        "threads": generate,
        "batch_threads": read,
        "cache_mib": _cache_mib(),
        "kv_type": settings.kv_type,
        "yarn": {"scale": yarn.factor, "original": yarn.original} if yarn else None,
        "sampling": sampling.model_dump() if sampling else None,
    }


def environment(settings: RuntimeSettings, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The child's environment: `given` without proxies and interfering settings, with those that are no options."""
    kept = {
        name: value for name, value in given.items() if name.lower() not in _PROXIES and name not in _REMOVED_VARIABLES
    }
    made = {
        **kept,
        # Threads wait for each other thousands of times a second. Spinning without end cuts generation to a fifth on
        # cores shared with others, sleeping at once to two thirds on quiet ones. A short spin before sleeping costs
        # least: tokens a second of a 0.5B on two cores, quiet and beside one busy process, were 53 and 23 with it,
        # 49 and 20 (at times 2) spinning, 29 and 28 sleeping at once, 32 and 33 with one thread.
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": kept.get("GOMP_SPINCOUNT", "1000"),
        "LLAMA_ARG_CACHE_RAM": kept.get("LLAMA_ARG_CACHE_RAM", str(_cache_mib())),
        "LLAMA_ARG_OFFLINE": "1",
        # No web page the user has open may talk to it.
        "LLAMA_ARG_CORS_ORIGINS": "localhost",
    }
    if settings.kv_type != "f16":
        # As an option it took no value once and needs one now.
        made["LLAMA_ARG_FLASH_ATTN"] = "on"
    if settings.api_key:
        # Every user of the machine can read a process's arguments.
        made["LLAMA_API_KEY"] = settings.api_key
    return made


def _options(model: Path, context: int, parallel: int, settings: RuntimeSettings) -> list[str]:
    generate, read = threads()
    options: dict[str, object] = {
        "--model": model,
        "--alias": settings.name or model.stem,
        "--host": settings.host,
        "--port": settings.port,
        "--ctx-size": context * parallel,
        "--parallel": parallel,
        "--threads": generate,
        "--threads-batch": read,
    }
    if settings.kv_type != "f16":
        options |= {"--cache-type-k": settings.kv_type, "--cache-type-v": settings.kv_type}
    if yarn := settings.yarn:
        options |= {"--rope-scaling": "yarn", "--rope-scale": yarn.factor, "--yarn-orig-ctx": yarn.original}
    if sampling := settings.sampling:
        options |= {
            "--temp": sampling.temperature,
            "--top-p": sampling.top_p,
            "--top-k": sampling.top_k,
            "--min-p": sampling.min_p,
        }
        if sampling.repeat_penalty is not None:
            options["--repeat-penalty"] = sampling.repeat_penalty
    return [*(str(word) for pair in options.items() for word in pair), "--jinja", "--props", "--slots", "--no-webui"]


def _installed() -> str | None:
    found = shutil.which("llama-server")
    return str(Path(found).absolute()) if found else None


def _failure(server: str) -> str:
    """Why this `llama-server` does not run; empty when it does."""
    try:
        asked = subprocess.run(
            [server, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        return str(failure)
    if asked.returncode == 0:
        return ""
    words = (asked.stderr or asked.stdout).decode(errors="replace").strip()
    return words.splitlines()[-1] if words else f"exit code {asked.returncode}"


def _cache_mib() -> int:
    """MiB that the server may keep of prompts it has processed: an eighth of the machine's memory, at most 8 GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(8192, memory // 8 >> 20)


def _cores() -> int:
    """Cores this process may use: its affinity, cut by the control group's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores


def _threads_per_core() -> int:
    """Hardware threads of each core; 1 where the system does not say."""
    try:
        siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").read_text(encoding="utf-8")
    except OSError:
        return 1
    bounds = [[int(each) for each in part.split("-")] for part in siblings.strip().split(",")]
    return max(1, sum(part[-1] - part[0] + 1 for part in bounds))
