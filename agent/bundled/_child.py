"""Runs a model server in a process that does not outlive the one that started it.

Started by `bundled`, by path, with one JSON argument; everything it writes goes to the server's log. On Linux
the kernel kills it with its parent; everywhere the end of standard input, which only the parent holds open,
means that the parent is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Becomes, or runs, the server that the argument describes; never returns."""
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    bound = _bind_to_parent(arguments["parent"])
    if "command" in arguments:
        _run_command(arguments["command"], bound)
    _run_embedded(arguments)


def _bind_to_parent(parent: int) -> bool:
    """Returns whether the kernel now ends this process with its parent."""
    if sys.platform != "linux":
        return False
    done: int = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It died before the kernel was told.
        os._exit(0)
    return done == 0


def _run_command(command: list[str], bound: bool) -> None:
    if bound:
        # The setting survives exec: no process stays in between.
        os.execv(command[0], command)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_wait_for_parent, args=(server,), daemon=True).start()
    os._exit(server.wait() & 0xFF)


def _run_embedded(arguments: dict[str, Any]) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments["model"]
    parameters.model_alias = {arguments["alias"]}
    # Without a unified cache every slot has its own share of the context.
    parameters.n_ctx = arguments["context"]
    parameters.n_parallel = arguments["parallel"]
    parameters.kv_unified = False
    parameters.cpuparams.n_threads = arguments["threads"]
    parameters.cpuparams_batch.n_threads = arguments["batch_threads"]
    parameters.cache_ram_mib = arguments["cache_mib"]
    parameters.hostnames = [arguments["host"]]
    parameters.port = arguments["port"]
    # No web page the user has open may talk to it.
    parameters.cors_origins = "localhost"
    parameters.cors_origins_explicit = True
    parameters.ui = False
    parameters.endpoint_props = True
    parameters.endpoint_slots = True
    parameters.offline = True
    if key := os.environ.get("LLAMA_API_KEY"):
        parameters.api_keys = [key]
    _set_cache(parameters, arguments["kv_type"])
    _set_yarn(parameters, arguments["yarn"])
    _set_sampling(parameters.sampling, arguments["sampling"])
    server = xllamacpp.Server(parameters)
    sys.stderr.write(f"listening on {server.listening_address}\n")
    sys.stderr.flush()
    _wait_for_parent(None)


def _set_cache(parameters: Any, kind: str) -> None:
    import xllamacpp

    if kind == "f16":
        return
    quantized = xllamacpp.ggml_type[f"GGML_TYPE_{kind.upper()}"]
    parameters.cache_type_k = parameters.cache_type_v = quantized
    # Quantized values can't be read without it.
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED


def _set_yarn(parameters: Any, yarn: dict[str, float] | None) -> None:
    import xllamacpp

    if yarn is None:
        return
    parameters.rope_scaling_type = xllamacpp.llama_rope_scaling_type.LLAMA_ROPE_SCALING_TYPE_YARN
    parameters.rope_freq_scale = 1 / yarn["scale"]
    parameters.yarn_orig_ctx = int(yarn["original"])


def _set_sampling(sampling: Any, values: dict[str, Any] | None) -> None:
    import xllamacpp

    if values is None:
        return
    sampling.temp = values["temperature"]
    sampling.top_p = values["top_p"]
    sampling.top_k = values["top_k"]
    sampling.min_p = values["min_p"]
    given = ["TEMP", "TOP_P", "TOP_K", "MIN_P"]
    if values["repeat_penalty"] is not None:
        sampling.penalty_repeat = values["repeat_penalty"]
        given.append("PENALTY_REPEAT")
    # What isn't marked as given, a model file's own recommendation replaces.
    marks = xllamacpp.common_params_sampling_config
    sampling.user_sampling_config = sum(marks[f"COMMON_PARAMS_SAMPLING_CONFIG_{name}"].value for name in given)


def _wait_for_parent(server: subprocess.Popen[bytes] | None) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    if server is not None:
        server.kill()
    # Nothing is worth saving, and destructors of the server's threads may hang.
    os._exit(0)


if __name__ == "__main__":
    main()
