"""What of a model's shape decides the memory it needs, under the names GGUF metadata has for it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

__all__ = ["Architecture", "Recurrence"]


class Recurrence(BaseModel):
    """The state a recurrent layer carries from token to token (keys `ssm.*`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conv_kernel: PositiveInt
    inner_size: PositiveInt
    state_size: PositiveInt
    group_count: NonNegativeInt = 0


class Architecture(BaseModel):
    """A model's shape; the fields are GGUF's keys after the architecture's name, dots left out.

    Sources are the makers' published configurations and, for a file, its own metadata (`agent.catalogue.gguf`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """`general.architecture`."""
    block_count: int = Field(gt=0, le=4096)
    """Layers, those for multi-token prediction included."""
    nextn_predict_layers: NonNegativeInt = 0
    """The last layers, which only predict further tokens: llama.cpp keeps no cache for them."""
    embedding_length: PositiveInt
    feed_forward_length: NonNegativeInt = 0
    """The widest dense one."""

    head_count: NonNegativeInt = 0
    """Of queries; the most any layer has."""
    head_count_kv: NonNegativeInt | tuple[NonNegativeInt, ...]
    """For all layers, or layer by layer; a layer with none has no attention."""
    key_length: PositiveInt
    value_length: PositiveInt
    full_attention_interval: NonNegativeInt = 0
    """Every n-th layer has attention, the others are recurrent; 0: see `head_count_kv`."""
    kv_lora_rank: NonNegativeInt = 0
    """Of multi-head latent attention. With `mla` the cache holds `key_length` figures a token and no values."""
    mla: bool = False
    sliding_window: NonNegativeInt = 0
    """Tokens a sliding layer looks back; 0 when there are no such layers."""
    sliding_window_pattern: NonNegativeInt | tuple[bool, ...] = 0
    """Every n-th layer looks at everything and the others slide; or layer by layer, whether it slides."""
    key_length_swa: NonNegativeInt = 0
    value_length_swa: NonNegativeInt = 0
    """Of sliding layers, where they differ."""
    shared_kv_layers: NonNegativeInt = 0
    """The last layers, which use the cache of earlier ones."""

    ssm: Recurrence | None = None

    expert_count: NonNegativeInt = 0
    expert_used_count: NonNegativeInt = 0
    expert_shared_count: NonNegativeInt = 0
    expert_feed_forward_length: NonNegativeInt = 0
    leading_dense_block_count: NonNegativeInt = 0
    """The first layers, which have no experts."""

    parameters: PositiveInt | None = None
    """All of them; not a GGUF key. Needed to tell the experts' share of a file that isn't here."""
