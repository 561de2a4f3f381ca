"""Which models fit a machine, and how large a context is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from agent.catalogue.architecture import Architecture
from agent.catalogue.download import on_disk
from agent.catalogue.gguf import GgufModel, read_gguf
from agent.catalogue.hardware import Machine
from agent.catalogue.memory import KV_TYPES, KvType
from agent.catalogue.placement import KINDS, Needs, Placement, Sized, Where, needs, place
from agent.catalogue.profiles import Profile
from agent.errors import UsageError

__all__ = ["LEAST", "USEFUL", "Fit", "best_of", "candidates", "fit", "from_gguf", "from_profile"]

STEP = 1024
"""Contexts are multiples of it."""
USEFUL = 32_768
"""Tokens a session should have: a slower place is taken rather than fewer."""
ENOUGH = 65_536
"""Tokens above which neither precision nor speed is given away for more of them."""
LEAST = 4_096
"""Tokens below which it is not said to fit."""
_COMPARABLE = 0.7
"""A smaller quantization is preferred for its place only down to this share of the usual one's size."""


@dataclass(frozen=True)
class Fit:
    """What `fit` found for one model."""

    model: Sized
    machine: Machine
    placement: Placement
    context: int
    """Tokens in each slot; when it does not fit, those asked for or 0."""
    kv: KvType
    slots: int
    limit: int
    """The most the model takes, stretched if asked for."""
    yarn: bool
    largest: dict[KvType, int]
    """The largest context in that place, by cache type."""

    @property
    def fits(self) -> bool:
        """Whether it does."""
        return self.placement.where != "does not fit"

    @property
    def needs(self) -> Needs:
        """The bytes behind `placement`; where nothing fits, those of the least context."""
        return needs(self.model, self.context or min(LEAST, self.limit), self.kv, self.slots)


def from_profile(profile: Profile, quantization: str | None = None) -> Sized | None:
    """The catalogue's model in that quantization; None when its file or its shape are not known."""
    file, shape = profile.gguf_file(quantization), profile.architecture
    if file is None or shape is None:
        return None
    found = next(key for key, each in profile.gguf.items() if each is file)
    experts = _experts(shape, file.bytes)
    return Sized(profile.name, found, shape, file.bytes, experts, profile.window, profile.yarn, file)


def from_gguf(model: GgufModel, profile: Profile | None = None) -> Sized:
    """A file that is here. Raises ModelUnavailable when it does not say what is needed."""
    return Sized(
        name=model.path.stem,
        quantization="",
        shape=model.architecture(),
        weights=model.weights,
        experts=tuple(size for _, size in sorted(model.expert_bytes().items())),
        window=model.trained_window or (profile.window if profile else None),
        yarn=profile.yarn if profile else None,
        path=model.path,
        exact=True,
    )


def candidates(profile: Profile, quantization: str | None = None) -> list[Sized]:
    """The quantizations of a catalogue's model, the usual one first, or the one named alone.

    A file that is here speaks for itself. Empty for a model without a known file.
    """
    usual = profile.default_quantization or ""
    names = [quantization] if quantization else [usual, *(key for key in profile.gguf if key != usual)]
    found = []
    for name in names:
        sized = from_profile(profile, name)
        path = on_disk(profile, name)
        if sized and path:
            own = from_gguf(read_gguf(path), profile)
            sized = replace(sized, shape=own.shape, weights=own.weights, experts=own.experts, path=own.path, exact=True)
        if sized:
            found.append(sized)
    return found


def fit(
    model: Sized,
    machine: Machine,
    *,
    context: int | None = None,
    kv: KvType | None = None,
    slots: int = 1,
    yarn: bool = False,
) -> Fit:
    """Returns the best place for `model` and the context left there.

    `context` is tokens in each slot; without it, as many as there is room for on the GPU, elsewhere up to `ENOUGH`.
    Without `kv` the cache is f16 where that leaves `ENOUGH`, else q8_0. Raises UsageError for more context than
    the model takes.
    """
    limit = _limit(model, context, yarn=yarn)

    def largest(where: Where, kind: KvType) -> int:
        return _largest(limit, lambda tokens: place(model, machine, where, tokens, kind, slots) is not None)

    if context:
        where, kind = _for_context(model, machine, context, kv, slots)
        tokens = context
    else:
        where, kind, tokens = _most(limit, kv, largest)
        if where != "GPU":
            tokens = min(tokens, ENOUGH)
    placement = None if where == "does not fit" else place(model, machine, where, tokens, kind, slots)
    return Fit(
        model=model,
        machine=machine,
        placement=placement or Placement("does not fit"),
        context=tokens,
        kv=kind,
        slots=slots,
        limit=limit,
        yarn=yarn and tokens > (model.window or tokens),
        largest={each: largest(where, each) if placement else 0 for each in KV_TYPES},
    )


def best_of(fits: Iterable[Fit], *, least: int = USEFUL) -> Fit:
    """Of one model's quantizations, the usual one first, the one to take; `least` tokens are a useful context.

    That is the first that is all on the GPU with a useful context, unless it is much smaller than the usual one;
    else the first with a useful context anywhere, else with any, else the usual one.
    """
    every = list(fits)
    usual = every[0].model.weights
    smaller = sorted((each for each in every[1:] if each.model.weights < usual), key=lambda each: -each.model.weights)
    order = [every[0], *smaller]

    def useful(each: Fit) -> bool:
        return each.fits and each.context >= min(least, each.limit)

    wishes: list[Callable[[Fit], bool]] = [
        lambda each: useful(each) and each.placement.where == "GPU" and each.model.weights >= _COMPARABLE * usual,
        useful,
        lambda each: each.fits,
    ]
    return next((each for wish in wishes for each in order if wish(each)), every[0])


def _experts(shape: Architecture, size: int) -> tuple[int, ...]:
    """The experts' bytes by layer, as if every parameter took as many."""
    if not (shape.expert_count and shape.parameters):
        return ()
    each = 3 * shape.expert_count * shape.embedding_length * shape.expert_feed_forward_length
    layers = shape.block_count - shape.leading_dense_block_count
    return (size * each // shape.parameters,) * layers


def _limit(model: Sized, context: int | None, *, yarn: bool) -> int:
    if yarn and model.yarn is None:
        raise UsageError(
            f"no YaRN settings are known for {model.name}",
            hint="leave --yarn out; its window is what it was trained for",
        )
    limit = model.window
    if yarn and model.yarn:
        limit = max(limit or 0, math.floor(model.yarn.factor * model.yarn.original))
    if limit and context and context > limit:
        stretch = not yarn and model.yarn
        raise UsageError(
            f"{model.name} takes {limit} tokens, not {context}",
            hint=f"--context {limit}" + (", or --yarn to stretch its window" if stretch else ""),
        )
    return limit or context or 4 * USEFUL


def _most(limit: int, kv: KvType | None, largest: Callable[[Where, KvType], int]) -> tuple[Where, KvType, int]:
    """The first place with a useful context, else with any; with what cache and how many tokens."""
    for least in (min(USEFUL, limit), min(LEAST, limit)):
        for where in KINDS:
            if (tokens := largest(where, kv or "q8_0")) < least:
                continue
            if kv is None and (plain := largest(where, "f16")) >= min(ENOUGH, tokens):
                return where, "f16", plain
            return where, kv or "q8_0", tokens
    return "does not fit", kv or "f16", 0


def _for_context(model: Sized, machine: Machine, context: int, kv: KvType | None, slots: int) -> tuple[Where, KvType]:
    """The first place that holds that context; a quantized cache rather than a slower place."""
    tries: list[list[KvType]] = [[kv]] if kv else [["f16", "q8_0"], ["q4_0"]]
    for kinds in tries:
        for where in KINDS:
            for kind in kinds:
                if place(model, machine, where, context, kind, slots):
                    return where, kind
    return "does not fit", kv or "f16"


def _largest(limit: int, holds: Callable[[int], bool]) -> int:
    """The largest multiple of `STEP` up to `limit` that `holds`; 0 when none does."""
    low, high = 0, limit // STEP
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle * STEP):
            low = middle
        else:
            high = middle - 1
    return low * STEP
