"""One session as a process of its own that ends, in good order, with the process that started it.

`python -m agent.bench.executors.child PARENT fix --issue …`: the parent's process id, then the command line of
`swe-agent`.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the command line, tied to the parent whose process id is the first argument."""
    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        # SIGTERM, not SIGKILL: the session removes its sandbox
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(130)
    runpy.run_module("agent", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
