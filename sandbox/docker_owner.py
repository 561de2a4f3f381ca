"""Which process and which home a container or volume belongs to, so that what killed processes left can be removed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from agent.user_directories import home
from sandbox.docker_engine import HOME_LABEL, OWNER_LABEL, SESSION_LABEL

_MACHINE_ID = Path("/etc/machine-id")


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
    return _is_of_this_boot(label) and not _lives(label)


def owner_is_here(label: str) -> bool:
    """Whether a label names a process of this machine that lives."""
    return _is_of_this_boot(label) and _lives(label)


def _is_of_this_boot(label: str) -> bool:
    boot, _, rest = label.partition(" ")
    return boot not in {"", "unknown"} and rest.partition(" ")[0].isdigit() and boot == _boot()


def _lives(label: str) -> bool:
    _, pid, start_time = label.split(" ", 2)
    return _start_time(int(pid)) == start_time


def labels(name: str) -> dict[str, str]:
    """The labels of a container or volume that this process makes for the sandbox `name`."""
    return {SESSION_LABEL: name, OWNER_LABEL: owner_label(), HOME_LABEL: home_label()}


def home_label() -> str:
    """The label that names this machine and its home of sessions, as a hash: one engine may serve several."""
    try:
        machine = _MACHINE_ID.read_text().strip()
    except OSError:
        machine = ""
    return hashlib.sha256(f"{machine} {home()}".encode()).hexdigest()[:16]
