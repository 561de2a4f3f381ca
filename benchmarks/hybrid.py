"""A model file of the architecture of Qwen3-Coder-Next with random weights, a megabyte in all: for what depends on how
the server keeps a hybrid model's state, not on what the model says.

Three layers of gated delta net and one of attention, four experts; a token is a byte. The names of metadata and tensors
are those of GGUF and of llama.cpp's `qwen3next`.
"""

from __future__ import annotations

import math
import random
import struct
from array import array
from pathlib import Path

_WIDTH, _LAYERS, _EXPERTS, _EXPERT_WIDTH = 64, 4, 4, 32
_HEADS, _KV_HEADS, _HEAD = 2, 1, 32
_STATE, _STATE_HEADS, _CONVOLUTION = 32, 2, 4  # of the delta net: as many heads for keys as for values
_CONTEXT = 262_144
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.role == "system" and tools %}{{ tools | tojson }}
{% endif %}{{ message.content or "" }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif -%}
"""


def write_hybrid(path: Path, seed: int = 1) -> Path:
    """Write the file; its path."""
    tokens = _tokens()
    metadata: dict[str, object] = {
        "general.architecture": "qwen3next",
        "general.name": "random hybrid",
        **{f"qwen3next.{name}": value for name, value in _shape().items()},
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in _SPECIAL else 1 for token in tokens],
        "tokenizer.ggml.merges": ["\u0120 a"],
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
        "tokenizer.ggml.padding_token_id": tokens.index("<|endoftext|>"),
        "tokenizer.chat_template": _TEMPLATE,
    }
    tensors = _tensors(len(tokens))
    header = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    header += [_string(key) + _value(value) for key, value in metadata.items()]
    offset = 0
    for name, sizes in tensors.items():
        header.append(_string(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, 0, offset))
        offset += 4 * math.prod(sizes)
        offset += -offset % 32
    head = b"".join(header)
    drawn = random.Random(seed)
    with path.open("wb") as file:
        file.write(head + bytes(-len(head) % 32))
        for name, sizes in tensors.items():
            data = _weights(name, sizes, drawn)
            file.write(data + bytes(-len(data) % 32))
    return path


def _tokens() -> list[str]:
    """Every byte by the letter that GPT-2's vocabulary writes it with, one pair, and the template's marks."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + at) for at, byte in enumerate(others)}
    return [*(letters[byte] for byte in range(256)), "\u0120a", *_SPECIAL]


def _shape() -> dict[str, object]:
    return {
        "block_count": _LAYERS,
        "context_length": _CONTEXT,
        "embedding_length": _WIDTH,
        "feed_forward_length": _WIDTH,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": _KV_HEADS,
        "attention.key_length": _HEAD,
        "attention.value_length": _HEAD,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.dimension_count": _HEAD // 2,
        "rope.freq_base": 1e7,
        "expert_count": _EXPERTS,
        "expert_used_count": 2,
        "expert_feed_forward_length": _EXPERT_WIDTH,
        "expert_shared_feed_forward_length": _EXPERT_WIDTH,
        "full_attention_interval": _LAYERS,
        "ssm.conv_kernel": _CONVOLUTION,
        "ssm.inner_size": _STATE * _STATE_HEADS,
        "ssm.state_size": _STATE,
        "ssm.time_step_rank": _STATE_HEADS,
        "ssm.group_count": _STATE_HEADS,
    }


def _tensors(vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Names and sizes, the fastest dimension first."""
    inner = _STATE * _STATE_HEADS
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (_WIDTH, vocabulary), "output_norm.weight": (_WIDTH,)}
    attention: dict[str, tuple[int, ...]] = {
        "attn_q.weight": (_WIDTH, 2 * _HEAD * _HEADS),  # with the gate
        "attn_k.weight": (_WIDTH, _HEAD * _KV_HEADS),
        "attn_v.weight": (_WIDTH, _HEAD * _KV_HEADS),
        "attn_output.weight": (_HEAD * _HEADS, _WIDTH),
        "attn_q_norm.weight": (_HEAD,),
        "attn_k_norm.weight": (_HEAD,),
    }
    delta: dict[str, tuple[int, ...]] = {
        "attn_qkv.weight": (_WIDTH, 3 * inner),
        "attn_gate.weight": (_WIDTH, inner),
        "ssm_conv1d.weight": (_CONVOLUTION, 3 * inner),
        "ssm_dt.bias": (_STATE_HEADS,),
        "ssm_a": (_STATE_HEADS,),
        "ssm_ba.weight": (_WIDTH, 2 * _STATE_HEADS),
        "ssm_norm.weight": (_STATE,),
        "ssm_out.weight": (inner, _WIDTH),
    }
    both: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (_WIDTH,),
        "post_attention_norm.weight": (_WIDTH,),
        "ffn_gate_inp.weight": (_WIDTH, _EXPERTS),
        "ffn_gate_exps.weight": (_WIDTH, _EXPERT_WIDTH, _EXPERTS),
        "ffn_up_exps.weight": (_WIDTH, _EXPERT_WIDTH, _EXPERTS),
        "ffn_down_exps.weight": (_EXPERT_WIDTH, _WIDTH, _EXPERTS),
        "ffn_gate_inp_shexp.weight": (_WIDTH,),
        "ffn_gate_shexp.weight": (_WIDTH, _EXPERT_WIDTH),
        "ffn_up_shexp.weight": (_WIDTH, _EXPERT_WIDTH),
        "ffn_down_shexp.weight": (_EXPERT_WIDTH, _WIDTH),
    }
    for layer in range(_LAYERS):
        own = attention if layer % _LAYERS == _LAYERS - 1 else delta
        found |= {f"blk.{layer}.{name}": sizes for name, sizes in (both | own).items()}
    return found


def _weights(name: str, sizes: tuple[int, ...], drawn: random.Random) -> bytes:
    count = math.prod(sizes)
    if "norm" in name:
        return array("f", [1.0] * count).tobytes()
    if name.endswith("ssm_a"):  # how fast a state fades: below zero
        return array("f", [-1.0] * count).tobytes()
    return array("f", (drawn.gauss(0.0, 0.1) for _ in range(count))).tobytes()


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(given: object) -> bytes:
    """A value with its type before it; arrays are of strings or of integers."""
    if isinstance(given, str):
        return struct.pack("<I", 8) + _string(given)
    if isinstance(given, float):
        return struct.pack("<If", 6, given)
    if isinstance(given, int):
        return struct.pack("<II", 4, given)
    assert isinstance(given, list)
    if isinstance(given[0], str):
        return struct.pack("<IIQ", 9, 8, len(given)) + b"".join(map(_string, given))
    return struct.pack(f"<IIQ{len(given)}i", 9, 5, len(given), *given)
