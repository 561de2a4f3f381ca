"""Commands with an end: within a deadline, killed with all they started, and (bubblewrap) unable to change the machine.

Every system, and every test that decides, runs in the same: the file system read-only but for one directory and a
private /tmp, its own process ids, 8 GB of address space.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.bubblewrap import find_bwrap

_MEMORY_KB = 8_000_000


@cache
def _bwrap() -> str:
    return find_bwrap()


@dataclass(frozen=True)
class Jail:
    """A directory in which commands may write, and the environment they have."""

    place: Path
    environment: dict[str, str]
    deadline: float = float("inf")
    """On the monotonic clock."""
    stop: Callable[[], bool] = field(default=lambda: False)
    """Asked again and again; true ends the command."""
    readable: tuple[Path, ...] = ()
    """What it may read although it lies below /tmp."""
    cpu_seconds: int | None = None
    """Of processor time for each process, the same on a loaded machine as on an idle one."""

    def run(self, argv: list[str], *, cwd: Path, log: Path, seconds: float = float("inf")) -> int | None:
        """The exit code; None when it was ended by the deadline, by its own `seconds` or by `stop`.

        Standard output and error are appended to `log` and `log` with `.err` behind it.
        """
        end = min(self.deadline, time.monotonic() + seconds)
        errors = log.with_name(log.name + ".err")
        with log.open("ab") as out, errors.open("ab") as err:
            process = subprocess.Popen(
                self._wrapped(argv, cwd), cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, start_new_session=True,
            )  # fmt: skip
            try:
                while process.poll() is None:
                    if time.monotonic() > end or self.stop():
                        return None
                    time.sleep(0.1)
                return process.returncode
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # the first process; the rest die with their namespace
                    process.wait()

    def _wrapped(self, argv: list[str], cwd: Path) -> list[str]:
        processor = f"ulimit -t {self.cpu_seconds}; " if self.cpu_seconds else ""
        limited = ["sh", "-c", f'{processor}ulimit -v {_MEMORY_KB}; exec "$@"', "sh", *argv]
        place = str(self.place)
        python = Path(sys.prefix)  # tests are run with it
        readable = (*self.readable, python) if python.is_relative_to("/tmp") else self.readable
        shown = [part for each in readable for part in ("--ro-bind", str(each), str(each))]
        return [
            _bwrap(), "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev",
            "--proc", "/proc", "--tmpfs", "/tmp", *shown, "--bind", place, place, "--chdir", str(cwd), "--", *limited,
        ]  # fmt: skip
