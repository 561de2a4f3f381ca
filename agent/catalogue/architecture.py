"""The dimensions of a model that determine its memory use, under their names in GGUF metadata."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

__all__ = ["Architecture", "Recurrence"]


class Recurrence(BaseModel):
    """The dimensions of a recurrent layer's state (keys `ssm.*`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conv_kernel: PositiveInt
    inner_size: PositiveInt
    state_size: PositiveInt
    group_count: NonNegativeInt = 0


class Architecture(BaseModel):
    """A model's dimensions. The fields are GGUF's keys without the architecture's name and groups like `attention.`.

    Sources are the makers' published configurations and, for a file, its own metadata (`agent.catalogue.gguf`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """`general.architecture`."""
    block_count: int = Field(gt=0, le=4096)
    """Number of layers, with those for multi-token prediction."""
    nextn_predict_layers: NonNegativeInt = 0
    """Number of last layers that only predict further tokens: llama.cpp has no cache for them."""
    embedding_length: PositiveInt
    feed_forward_length: NonNegativeInt = 0
    """Of the widest dense layer."""

    head_count: NonNegativeInt = 0
    """Query heads; the maximum over all layers."""
    head_count_kv: NonNegativeInt | tuple[NonNegativeInt, ...]
    """Key-value heads, of all layers or of each; a layer with 0 has no attention."""
    key_length: PositiveInt
    value_length: PositiveInt
    full_attention_interval: NonNegativeInt = 0
    """Every n-th layer has attention, the others are recurrent; 0: see `head_count_kv`."""
    kv_lora_rank: NonNegativeInt = 0
    """Rank of multi-head latent attention. With `mla` the cache has `key_length` keys for each token and no values."""
    mla: bool = False
    sliding_window: NonNegativeInt = 0
    """Window of the sliding layers in tokens; 0 when there are none."""
    sliding_window_pattern: NonNegativeInt | tuple[bool, ...] = 0
    """n: every n-th layer has full attention and the others slide. Or for each layer, whether it slides."""
    key_length_swa: NonNegativeInt = 0
    value_length_swa: NonNegativeInt = 0
    """Of sliding layers, where they differ, as `key_length_swa` does; else 0."""
    shared_kv_layers: NonNegativeInt = 0
    """Number of last layers that use the cache of earlier ones."""

    ssm: Recurrence | None = None

    expert_count: NonNegativeInt = 0
    expert_used_count: NonNegativeInt = 0
    expert_shared_count: NonNegativeInt = 0
    expert_feed_forward_length: NonNegativeInt = 0
    leading_dense_block_count: NonNegativeInt = 0
    """Number of first layers without experts."""

    parameters: PositiveInt | None = None
    """Number of all parameters; not a GGUF key. For the experts' share of a file that is not on this machine."""
