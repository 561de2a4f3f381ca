"""Which process of this machine a container belongs to, so that those of a killed one can be told and removed."""

from __future__ import annotations

import os
from pathlib import Path


def _boot() -> str:
    """This boot of this machine and the process namespace: where a process id means something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "unknown"


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty when there is none (`man 5 proc`, stat field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def owner() -> str:
    """This process, as a label."""
    return f"{_boot()} {os.getpid()} {_started(os.getpid())}"


def is_dead(label: str) -> bool:
    """Whether a label names a process of this machine that is no more. One of another machine is not known to be."""
    boot, _, rest = label.partition(" ")
    pid, _, started = rest.partition(" ")
    if boot == "unknown" or not pid.isdigit():
        return False
    if boot != _boot():
        # another boot of this machine, or another machine on the same engine: only the first is surely over,
        # and they can't be told apart
        return False
    return _started(int(pid)) != started
