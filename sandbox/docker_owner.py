"""Which process of this machine a container belongs to, so that containers of killed processes can be removed."""

from __future__ import annotations

import os
from pathlib import Path


def _boot() -> str:
    """The boot of this machine and the process namespace, within which a process id is unique; else `unknown`."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "unknown"


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if there is none (`man 5 proc`, stat field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def owner_label() -> str:
    """The label that names this process: `BOOT PID START_TIME`."""
    return f"{_boot()} {os.getpid()} {_start_time(os.getpid())}"


def owner_is_gone(label: str) -> bool:
    """Whether a label names a process of this boot of this machine that has ended.

    False for another boot: that may be an earlier one of this machine, or another machine on the same engine, and
    the two can't be distinguished.
    """
    boot, _, rest = label.partition(" ")
    pid, _, start_time = rest.partition(" ")
    if boot == "unknown" or not pid.isdigit() or boot != _boot():
        return False
    return _start_time(int(pid)) != start_time
