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
    """Becomes, or runs, the server the argument describes; never returns."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    bound = _bind_to_parent(order["parent"])
    if "command" in order:
        _run_command(order["command"], bound)
    _run_embedded(order)


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


def _run_embedded(order: dict[str, Any]) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["model"]
    parameters.model_alias = {order["alias"]}
    # Without a unified cache every slot has its own share of the context.
    parameters.n_ctx = order["context"] * order["parallel"]
    parameters.n_parallel = order["parallel"]
    parameters.kv_unified = False
    parameters.cpuparams.n_threads = order["threads"]
    parameters.cpuparams_batch.n_threads = order["batch_threads"]
    parameters.cache_ram_mib = order["cache_mib"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    # No web page the user has open may talk to it.
    parameters.cors_origins = "localhost"
    parameters.cors_origins_explicit = True
    parameters.ui = False
    parameters.endpoint_props = True
    parameters.endpoint_slots = True
    server = xllamacpp.Server(parameters)
    sys.stderr.write(f"listening on {server.listening_address}\n")
    sys.stderr.flush()
    _wait_for_parent(None)


def _wait_for_parent(server: subprocess.Popen[bytes] | None) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    if server is not None:
        server.kill()
    # Nothing is worth saving, and destructors of the server's threads may hang.
    os._exit(0)


if __name__ == "__main__":
    main()
