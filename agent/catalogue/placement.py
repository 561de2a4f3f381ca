"""Where a model's parts go on a machine, and the bytes they take there; pure arithmetic.

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

__all__ = ["KINDS", "Needs", "Placement", "Sized", "Where", "needs", "place", "system_room"]

Where = Literal["GPU", "experts in RAM", "partly on GPU", "RAM", "does not fit"]
KINDS: tuple[Where, ...] = ("GPU", "experts in RAM", "partly on GPU", "RAM")

GPU_RESERVE = GIB
"""A GPU: its driver, the runtime's own context and scratch memory; 1 to 2 GiB are seen with the working buffers."""


@dataclass(frozen=True)
class Sized:
    """A model file, on disk or only known of."""

    name: str
    quantization: str
    shape: Architecture
    weights: int
    """Bytes."""
    experts: tuple[int, ...]
    """Bytes of the experts, by layer that has some."""
    window: int | None
    """Tokens it was trained for."""
    yarn: Yarn | None = None
    file: GgufFile | None = None
    """Where it can be had."""
    path: Path | None = None
    """Where it lies, if it is here."""
    exact: bool = False
    """Whether the figures are the file's own; else the experts' share is that of the parameters."""


@dataclass(frozen=True)
class Needs:
    """Bytes, at one context and cache type, for all slots."""

    weights: int
    cache: int
    state: int
    compute: int
    checkpoints: int
    """In system memory, always."""


@dataclass(frozen=True)
class Placement:
    """Where a model goes and the bytes it takes there."""

    where: Where
    gpu_bytes: int = 0
    ram_bytes: int = 0
    gpu_layers: int = 0
    cpu_moe: int = 0
    """Layers whose experts are in system memory."""


def needs(model: Sized, context: int, kv: KvType, slots: int) -> Needs:
    """What `model` needs for `slots` of `context` tokens each."""
    shape = model.shape
    return Needs(
        weights=model.weights,
        cache=kv_bytes(shape, context, kv, slots),
        state=state_bytes(shape, slots),
        compute=compute_bytes(shape, context),
        checkpoints=checkpoint_bytes(shape, context, kv, slots),
    )


def place(model: Sized, machine: Machine, where: Where, context: int, kv: KvType, slots: int) -> Placement | None:
    """The model in that place, or None when there is no room."""
    need = needs(model, context, kv, slots)
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
    return found if found and _holds(machine, found) else None


def system_room(machine: Machine) -> int:
    """Bytes of system memory a model may have: the system itself keeps an eighth, at most 4 GiB."""
    return machine.ram_bytes - min(4 * GIB, machine.ram_bytes // 8)


def _holds(machine: Machine, placement: Placement) -> bool:
    """Whether system memory has room for its share, and on a unified machine for the GPU's too."""
    shared = placement.gpu_bytes if machine.unified else 0
    return placement.ram_bytes + shared <= system_room(machine)
