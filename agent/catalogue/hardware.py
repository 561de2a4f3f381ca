"""What memory this machine has for a model: of its GPUs, of the system, or one that both share."""

from __future__ import annotations

import importlib
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UsageError

__all__ = ["Machine", "parse_memory", "this_machine"]

GIB = 1 << 30

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": GIB, "T": 1 << 40}
_DRM = Path("/sys/class/drm")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """Memory in bytes: what is installed, not what is free at the moment."""

    ram_bytes: int
    gpu_bytes: int = 0
    """Of all GPUs; on a machine with unified memory the share of it they may use."""
    gpus: int = 0
    unified: bool = False
    """Whether GPU and system use the same memory; `gpu_bytes` is then a part of `ram_bytes`."""
    name: str = ""
    """Of the GPU, for the user to recognize it."""

    @classmethod
    def described(cls, ram_bytes: int, gpu_bytes: int = 0, *, unified: bool = False) -> Machine:
        """A machine that the user describes. With `unified` the GPU may use what macOS would let it."""
        if unified:
            return cls(ram_bytes, gpu_bytes or _metal_share(ram_bytes), 1, unified=True)
        return cls(ram_bytes, gpu_bytes, 1 if gpu_bytes else 0)


def this_machine() -> Machine:
    """This machine: NVIDIA GPUs by NVML, AMD's by sysfs, Apple's unified memory, else no GPU."""
    ram = _system_memory()
    if sys.platform == "darwin":
        if platform.machine() != "arm64":
            return Machine(ram)
        return Machine(ram, _wired_limit() or _metal_share(ram), 1, unified=True, name="Apple GPU")
    return _nvidia(ram) or _amd(ram) or Machine(ram)


def parse_memory(text: str) -> int:
    """Bytes from "64GB", "24G", "512 MiB"; powers of two, as memory is sold. Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size <= 0:
        raise UsageError(f"{text!r} is not an amount of memory", hint="write it like 64GB")
    return size


def _metal_share(ram: int) -> int:
    """Bytes that macOS lets a GPU use: two thirds of up to 36 GB, three quarters of more."""
    return ram * 2 // 3 if ram <= 36 * GIB else ram * 3 // 4


def _wired_limit() -> int:
    """The share the user has set for the GPU, 0 when they have not."""
    try:
        asked = subprocess.run(
            ["sysctl", "-n", "iogpu.wired_limit_mb"], capture_output=True, text=True, timeout=5, check=True
        )
        return int(asked.stdout) << 20
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def _nvidia(ram: int) -> Machine | None:
    """The NVIDIA GPUs; None without any, without their driver, or without `nvidia-ml-py`."""
    try:
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception:
        # The module raises errors of its own for every reason there is no driver.
        return None
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        if not handles:
            return None
        name = nvml.nvmlDeviceGetName(handles[0])
        text = name.decode() if isinstance(name, bytes) else str(name)
        try:
            total = sum(int(nvml.nvmlDeviceGetMemoryInfo(handle).total) for handle in handles)
        except nvml.NVMLError:
            # Some have no memory of their own to tell of: it is the system's.
            return Machine(ram, ram, len(handles), unified=True, name=text)
        return Machine(ram, total, len(handles), name=text)
    except nvml.NVMLError:
        return None
    finally:
        nvml.nvmlShutdown()


def _amd(ram: int, drm: Path = _DRM) -> Machine | None:
    """The AMD GPUs with 2 GiB and more of their own; what a processor's graphics carve out of the system is none."""
    sizes = []
    for entry in sorted(drm.glob("card[0-9]*/device/mem_info_vram_total")):
        size = _read_int(entry)
        if size is not None and size >= 2 * GIB:
            sizes.append(size)
    return Machine(ram, sum(sizes), len(sizes), name="AMD GPU") if sizes else None


def _system_memory(cgroup: Path = _CGROUP) -> int:
    """The system's memory, or the control group's limit where that is less."""
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_read_int(cgroup / name) for name in ("memory.max", "memory/memory.limit_in_bytes"))
    return min([built_in, *(limit for limit in limits if limit)])


def _read_int(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
