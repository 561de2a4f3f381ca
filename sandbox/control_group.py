"""A control group of the kernel that bounds the number of processes, where this process may make one.

As root nothing else does: the kernel's limit for each user leaves root out. Versions 1 and 2; see cgroups(7).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "swe-agent-"  # then the process id of the one that made it
_SPARE = 64  # over the limit: what is counted beside it, and what it takes to see that it is passed


class ControlGroup:
    """One group, which is removed by `remove` once its processes have ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @classmethod
    def of(cls, pids: Iterable[int], processes: int) -> ControlGroup | None:
        """A new group of these processes and all that they start; None where none can be made."""
        for parent in _parents():
            _remove_orphans(parent)
            directory = parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
            try:
                directory.mkdir()
            except OSError:
                continue
            group = cls(directory)
            try:
                (directory / "pids.max").write_text(str(processes + _SPARE))
                for pid in pids:
                    (directory / "cgroup.procs").write_text(str(pid))
            except OSError:
                group.remove()
                continue
            return group
        return None

    def remove(self) -> None:
        """Remove it. Processes that are left in it keep it, and its limit."""
        with contextlib.suppress(OSError):
            self._directory.rmdir()


def _remove_orphans(parent: Path) -> None:
    """Remove the groups of processes that were killed; one in which something still lives stays."""
    for directory in parent.glob(f"{_PREFIX}*"):
        owner = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            ControlGroup(directory).remove()


def _parents() -> list[Path]:
    """Where a group that counts processes can be made: below this process's own."""
    if os.geteuid() != 0:  # for others the kernel's own limit holds
        return []
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            below = path.lstrip("/")
            if "pids" in controllers.split(","):
                found.append(_ROOT / "pids" / below)
            elif not controllers:
                found.append(_ROOT / below)
    return found
