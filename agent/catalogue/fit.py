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
from agent.catalogue.placement import LOCATIONS, Location, MemoryUse, Placement, SizedModel, find_placement, memory_use
from agent.catalogue.profiles import Profile
from agent.errors import UsageError

__all__ = ["MIN_CONTEXT", "USEFUL_CONTEXT", "Fit", "best_of", "candidates", "fit", "from_gguf", "from_profile"]

CONTEXT_STEP = 1024
"""Contexts that are computed are multiples of it, in tokens."""
USEFUL_CONTEXT = 32_768
"""Tokens that a session should have: a slower location is taken rather than fewer."""
AMPLE_CONTEXT = 65_536
"""Tokens beyond which neither precision nor speed is given up for more of them."""
MIN_CONTEXT = 4_096
"""Tokens below which a model does not count as fitting: a session's first prompt takes about half of them."""
_MIN_SIZE_RATIO = 0.7
"""A smaller quantization is preferred for its location down to this share of the default one's bytes (judgement)."""


@dataclass(frozen=True)
class Fit:
    """How one model fits a machine."""

    model: SizedModel
    machine: Machine
    placement: Placement
    context: int
    """Tokens of each slot; where nothing fits, those asked for, or 0."""
    kv: KvType
    slots: int
    limit: int
    """The most tokens that the model takes, stretched where `yarn` is set."""
    yarn: bool
    largest: dict[KvType, int]
    """The largest context in that location, by cache type, in tokens."""

    @property
    def fits(self) -> bool:
        """Whether there is a location for it."""
        return self.placement.where != "does not fit"

    @property
    def memory_use(self) -> MemoryUse:
        """The bytes behind `placement`; where nothing fits, those of the smallest context."""
        return memory_use(self.model, self.context or min(MIN_CONTEXT, self.limit), self.kv, self.slots)


def from_profile(profile: Profile, quantization: str | None = None) -> SizedModel | None:
    """The catalogue's model in that quantization; None when its file or its architecture is not known."""
    file, shape = profile.gguf_file(quantization), profile.architecture
    if file is None or shape is None:
        return None
    found = next(key for key, each in profile.gguf.items() if each is file)
    experts = _expert_bytes(shape, file.bytes)
    return SizedModel(profile.name, found, shape, file.bytes, experts, profile.window, profile.yarn, file)


def from_gguf(model: GgufModel, profile: Profile | None = None) -> SizedModel:
    """The model of a file on this machine. Raises `ModelUnavailable` when its metadata is not enough."""
    return SizedModel(
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


def candidates(profile: Profile, quantization: str | None = None) -> list[SizedModel]:
    """The quantizations of a catalogue's model, the default one first, or only the one named.

    The metadata of a file on this machine replaces the catalogue's. Empty for a model without a known file.
    """
    default = profile.default_quantization or ""
    names = [quantization] if quantization else [default, *(key for key in profile.gguf if key != default)]
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
    model: SizedModel,
    machine: Machine,
    *,
    context: int | None = None,
    kv: KvType | None = None,
    slots: int = 1,
    yarn: bool = False,
) -> Fit:
    """The best location for `model` and the context that fits there.

    `context` is the tokens of each slot; None is as many as fit on the GPU, elsewhere at most `AMPLE_CONTEXT`. `kv`
    None is f16 where that leaves `AMPLE_CONTEXT`, else q8_0. Raises `UsageError` for more context than the model takes.
    """
    limit = _limit(model, context, yarn=yarn)

    def largest(where: Location, kind: KvType) -> int:
        return _largest_context(
            limit, lambda tokens: find_placement(model, machine, where, tokens, kind, slots) is not None
        )

    if context:
        where, kind = _for_context(model, machine, context, kv, slots)
        tokens = context
    else:
        where, kind, tokens = _best_location(limit, kv, largest)
        if where != "GPU":
            tokens = min(tokens, AMPLE_CONTEXT)
    placement = None if where == "does not fit" else find_placement(model, machine, where, tokens, kind, slots)
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


def best_of(fits: Iterable[Fit], *, least: int = USEFUL_CONTEXT) -> Fit:
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
        lambda each: useful(each) and each.placement.where == "GPU" and each.model.weights >= _MIN_SIZE_RATIO * usual,
        useful,
        lambda each: each.fits,
    ]
    return next((each for wish in wishes for each in order if wish(each)), every[0])


def _expert_bytes(shape: Architecture, size: int) -> tuple[int, ...]:
    """The experts' bytes by layer, as if every parameter took the same number of bytes."""
    if not (shape.expert_count and shape.parameters):
        return ()
    each = 3 * shape.expert_count * shape.embedding_length * shape.expert_feed_forward_length
    layers = shape.block_count - shape.leading_dense_block_count
    return (size * each // shape.parameters,) * layers


def _limit(model: SizedModel, context: int | None, *, yarn: bool) -> int:
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
    return limit or context or 4 * USEFUL_CONTEXT


def _best_location(
    limit: int, kv: KvType | None, largest: Callable[[Location, KvType], int]
) -> tuple[Location, KvType, int]:
    """The first location with a useful context, else with any; its cache type and its tokens."""
    for least in (min(USEFUL_CONTEXT, limit), min(MIN_CONTEXT, limit)):
        for where in LOCATIONS:
            if (tokens := largest(where, kv or "q8_0")) < least:
                continue
            if kv is None and (plain := largest(where, "f16")) >= min(AMPLE_CONTEXT, tokens):
                return where, "f16", plain
            return where, kv or "q8_0", tokens
    return "does not fit", kv or "f16", 0


def _for_context(
    model: SizedModel, machine: Machine, context: int, kv: KvType | None, slots: int
) -> tuple[Location, KvType]:
    """The first location with room for that context; a quantized cache is preferred to a slower location."""
    tries: list[list[KvType]] = [[kv]] if kv else [["f16", "q8_0"], ["q4_0"]]
    for kinds in tries:
        for where in LOCATIONS:
            for kind in kinds:
                if find_placement(model, machine, where, context, kind, slots):
                    return where, kind
    return "does not fit", kv or "f16"


def _largest_context(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest multiple of `CONTEXT_STEP` up to `limit` for which `fits` is true; 0 when there is none."""
    low, high = 0, limit // CONTEXT_STEP
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle * CONTEXT_STEP):
            low = middle
        else:
            high = middle - 1
    return low * CONTEXT_STEP
