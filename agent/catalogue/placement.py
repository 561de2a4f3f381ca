"""Where a model's parts are loaded on a machine, and the bytes they take there; computed, not measured.

The order of preference: all on the GPU; all but the experts of some layers there, these in system memory
(llama.cpp's `--n-cpu-moe`); some layers there; system memory alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.catalogue.architecture import Architecture
from agent.catalogue.hardware import GIB, Machine
from agent.catalogue.memory import KvType, checkpoint_bytes, compute_bytes, kv_bytes, state_bytes
from agent.catalogue.profiles import GgufFile, Yarn

__all__ = [
    "LOCATIONS",
    "Location",
    "MemoryUse",
    "Placement",
    "SizedModel",
    "find_placement",
    "memory_use",
    "usable_ram",
]

Location = Literal["GPU", "experts in RAM", "partly on GPU", "RAM", "does not fit"]
LOCATIONS: tuple[Location, ...] = ("GPU", "experts in RAM", "partly on GPU", "RAM")

GPU_RESERVE = GIB
"""Bytes of each GPU for its driver and the runtime: 1 to 2 GiB are observed, compute buffers included."""


@dataclass(frozen=True)
class SizedModel:
    """A model file with the memory it takes, on this machine or in the catalogue alone."""

    name: str
    quantization: str
    shape: Architecture
    weights: int
    """Bytes."""
    experts: tuple[int, ...]
    """Bytes of the experts of each layer that has some."""
    window: int | None
    """The tokens that it was trained for."""
    yarn: Yarn | None = None
    file: GgufFile | None = None
    """Where to download it."""
    path: Path | None = None
    """The file on this machine, None where it is not there."""
    exact: bool = False
    """Whether the bytes are read from the file; else the experts' share of them is that of the parameters."""


@dataclass(frozen=True)
class MemoryUse:
    """Bytes that a model takes with one context and cache type, for all slots."""

    weights: int
    cache: int
    state: int
    compute: int
    checkpoints: int
    """Always in system memory."""


@dataclass(frozen=True)
class Placement:
    """Where a model is loaded, and the bytes it takes there."""

    where: Location
    gpu_bytes: int = 0
    ram_bytes: int = 0
    gpu_layers: int = 0
    cpu_moe: int = 0
    """Layers whose experts are in system memory."""


def memory_use(model: SizedModel, context: int, kv: KvType, slots: int) -> MemoryUse:
    """The bytes that `model` takes for `slots` of `context` tokens each."""
    shape = model.shape
    return MemoryUse(
        weights=model.weights,
        cache=kv_bytes(shape, context, kv, slots),
        state=state_bytes(shape, slots),
        compute=compute_bytes(shape, context),
        checkpoints=checkpoint_bytes(shape, context, kv, slots),
    )


def find_placement(
    model: SizedModel, machine: Machine, where: Location, context: int, kv: KvType, slots: int
) -> Placement | None:
    """How the model is loaded in that location; None when there is no room."""
    need = memory_use(model, context, kv, slots)
    layers = model.shape.block_count + 1
    by_layer = need.weights + need.cache + need.state
    whole = by_layer + need.compute
    room = machine.gpu_bytes - GPU_RESERVE * machine.gpus
    candidates: Iterable[Placement]
    if where == "GPU":
        candidates = [Placement(where, whole, need.checkpoints, layers)] if machine.gpus else []
    elif where == "experts in RAM":
        candidates = (
            Placement(where, whole - moved, need.checkpoints + moved, layers, count)
            for count in range(1, len(model.experts) + 1)
            if (moved := sum(model.experts[:count])) and machine.gpus
        )
    elif where == "partly on GPU":
        candidates = (
            Placement(where, on_gpu + need.compute, by_layer - on_gpu + need.checkpoints, count)
            for count in range(layers - 1, 0, -1)
            if (on_gpu := by_layer * count // layers) and machine.gpus
        )
    else:
        candidates = [Placement(where, 0, whole + need.checkpoints)]
    found = next((each for each in candidates if each.gpu_bytes <= max(0, room)), None)
    return found if found and _fits_in_ram(machine, found) else None


def usable_ram(machine: Machine) -> int:
    """Bytes of system memory that a model may take: an eighth, at most 4 GiB, is left to the system (judgement)."""
    return machine.ram_bytes - min(4 * GIB, machine.ram_bytes // 8)


def _fits_in_ram(machine: Machine, placement: Placement) -> bool:
    """Whether system memory has room for its share, and on a unified machine for the GPU's too."""
    shared = placement.gpu_bytes if machine.unified else 0
    return placement.ram_bytes + shared <= usable_ram(machine)
