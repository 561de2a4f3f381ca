"""How much memory a model's cache, state and compute buffers take in llama.cpp; computed, not measured.

What llama.cpp allocates (its `llama-kv-cache*`, `llama-memory-recurrent` and `llama-hparams` sources): a cell a token
in every layer with attention; in sliding layers only as many as the window and a batch need; one state a slot in
recurrent layers, in single precision; with multi-head latent attention keys alone, values being a view of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from agent.catalogue.architecture import Architecture

__all__ = ["KV_TYPES", "KvType", "checkpoint_bytes", "compute_bytes", "kv_bytes", "state_bytes"]

KvType = Literal["f16", "q8_0", "q4_0"]
KV_TYPES: tuple[KvType, ...] = get_args(KvType)

_BLOCK_BYTES: dict[KvType, int] = {"f16": 64, "q8_0": 34, "q4_0": 18}
"""Bytes of a block of 32 values."""
UBATCH = 512
"""Tokens computed at once, llama.cpp's default."""
CHECKPOINTS = 32
"""States of each slot that llama-server keeps to go back to (`--ctx-checkpoints`)."""


def kv_bytes(shape: Architecture, context: int, kv: KvType = "f16", slots: int = 1) -> int:
    """Bytes of the cache for `slots` of `context` tokens each."""
    return _full_attention_bytes(shape, context, kv, slots) + sliding_bytes(shape, context, kv, slots)


def sliding_bytes(shape: Architecture, context: int, kv: KvType = "f16", slots: int = 1) -> int:
    """Bytes of the sliding layers' part of the cache."""
    values = sum(_values_per_token(shape, layer, slides=True) for layer in _attention(shape) if _slides(shape, layer))
    return values * _sliding_cells(shape, context) * slots * _BLOCK_BYTES[kv] // 32


def state_bytes(shape: Architecture, slots: int = 1) -> int:
    """Bytes of the recurrent layers' state."""
    if not (ssm := shape.ssm):
        return 0
    convolution = (ssm.conv_kernel - 1) * (ssm.inner_size + 2 * ssm.group_count * ssm.state_size)
    return 4 * len(_recurrent(shape)) * (convolution + ssm.state_size * ssm.inner_size) * slots


def checkpoint_bytes(shape: Architecture, context: int, kv: KvType = "f16", slots: int = 1) -> int:
    """Bytes of system memory the checkpoints of what can't be rolled back come to: state and sliding layers."""
    return CHECKPOINTS * (state_bytes(shape, slots) + sliding_bytes(shape, context, kv, slots))


def compute_bytes(shape: Architecture, context: int) -> int:
    """Bytes of working buffers: activations of one batch and the masks of its attention; an estimate.

    It is what llama.cpp reports on a CPU to 0.03 MiB for dense and for sliding layers (Qwen2.5-Coder 0.5B and 1.5B,
    a small model shaped like gpt-oss), and more than it reports at 8K for latent attention and recurrent layers.
    """
    used = shape.expert_used_count + shape.expert_shared_count
    feed_forward = max(shape.feed_forward_length, used * shape.expert_feed_forward_length)
    # The two are not alive at the same time.
    widest = max(3 * feed_forward, 3 * shape.head_count * shape.key_length) + 5 * shape.embedding_length
    recurrent = 6 * shape.ssm.inner_size if shape.ssm else 0
    masked = _padded(context) + (_sliding_cells(shape, context) if shape.sliding_window else 0)
    return UBATCH * (4 * (widest + recurrent) + 2 * masked)


def _full_attention_bytes(shape: Architecture, context: int, kv: KvType, slots: int) -> int:
    values = sum(
        _values_per_token(shape, layer, slides=False) for layer in _attention(shape) if not _slides(shape, layer)
    )
    return values * _padded(context) * slots * _BLOCK_BYTES[kv] // 32


def _sliding_cells(shape: Architecture, context: int) -> int:
    return min(_padded(context), _padded(shape.sliding_window + UBATCH))


def _padded(tokens: int) -> int:
    return -(-tokens // 256) * 256


def _values_per_token(shape: Architecture, layer: int, *, slides: bool) -> int:
    """Cached values of one token in that layer."""
    keys = shape.key_length_swa if slides and shape.key_length_swa else shape.key_length
    values = shape.value_length_swa if slides and shape.value_length_swa else shape.value_length
    return _kv_heads(shape, layer) * (keys + (0 if shape.mla else values))


def _kv_heads(shape: Architecture, layer: int) -> int:
    heads = shape.head_count_kv
    if isinstance(heads, int):
        return heads
    return heads[layer] if layer < len(heads) else 0


def _layers(shape: Architecture) -> range:
    return range(shape.block_count - shape.nextn_predict_layers)


def _attention(shape: Architecture) -> list[int]:
    """The layers with a cache of their own."""
    interval = shape.full_attention_interval
    return [
        layer
        for layer in _layers(shape)[: len(_layers(shape)) - shape.shared_kv_layers]
        if _kv_heads(shape, layer) and (not interval or (layer + 1) % interval == 0)
    ]


def _recurrent(shape: Architecture) -> list[int]:
    """The layers with a state: those without attention, or all where every layer has both."""
    attention = set(_attention(shape))
    return [layer for layer in _layers(shape) if layer not in attention] or list(_layers(shape))


def _slides(shape: Architecture, layer: int) -> bool:
    pattern = shape.sliding_window_pattern
    if not shape.sliding_window:
        return False
    if isinstance(pattern, int):
        return pattern == 0 or layer % pattern < pattern - 1
    return layer < len(pattern) and pattern[layer]
