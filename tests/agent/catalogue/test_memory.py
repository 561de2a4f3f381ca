"""The memory that a model takes: computed values against what llama.cpp itself reports."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.catalogue.architecture import Architecture
from agent.catalogue.download import on_disk
from agent.catalogue.fit import (
    from_gguf,
    from_profile,
)
from agent.catalogue.gguf import read_gguf
from agent.catalogue.hardware import GIB
from agent.catalogue.memory import KV_TYPES, KvType, checkpoint_bytes, compute_bytes, kv_bytes, state_bytes
from agent.catalogue.placement import SizedModel
from agent.catalogue.profiles import find_profile

MIB = 1 << 20

# Prints what llama.cpp allocates for a model file, in as many slots of a context each, and ends.
TELL = """
import os, sys, xllamacpp
path, context, kind, slots = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
parameters = xllamacpp.CommonParams()
parameters.model.path = path
parameters.n_ctx, parameters.n_parallel, parameters.kv_unified = context * slots, slots, False
parameters.warmup, parameters.verbosity, parameters.port = False, 4, 0
parameters.hostnames = ["127.0.0.1"]
if kind != "f16":
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type["GGML_TYPE_" + kind.upper()]
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
server = xllamacpp.Server(parameters)
sys.stderr.flush()
os._exit(0)
"""


def shape(name: str) -> Architecture:
    found = find_profile(name).architecture
    assert found is not None
    return found


def sized(name: str, quantization: str | None = None) -> SizedModel:
    found = from_profile(find_profile(name), quantization)
    assert found is not None
    return found


# ---------------------------------------------------------------- known values


def test_qwen3_coder_next_takes_24_kib_a_token() -> None:
    next_ = shape("qwen3-coder-next")
    assert kv_bytes(next_, 1024) == 1024 * 24 * 1024
    assert kv_bytes(next_, 262_144) == 6 * GIB
    assert kv_bytes(next_, 262_144, "q8_0") == 6 * GIB * 17 // 32  # 3.19 GiB
    assert state_bytes(next_) == 79_036_416  # 75.4 MiB
    assert checkpoint_bytes(next_, 262_144) == 32 * 79_036_416


# What llama.cpp b11549 reported for small models of these shapes: layers, heads and dimensions of cache and state are
# the real ones, widths and experts are not.
@pytest.mark.parametrize(
    ("name", "context", "kv", "slots", "cache_mib", "state_mib"),
    [
        ("gpt-oss-20b", 8192, "f16", 1, 192 + 18, 0),
        ("gpt-oss-20b", 16384, "q8_0", 2, 408 + 19.125, 0),
        ("deepseek-v3.2", 8192, "f16", 1, 549, 0),
        ("deepseek-v3.2", 16384, "q8_0", 2, 1166.625, 0),
        ("qwen3-coder-next", 8192, "f16", 1, 192, 75.375),
        ("qwen3-coder-next", 16384, "q8_0", 2, 408, 150.75),
    ],
)
def test_sliding_latent_and_hybrid_models_take_what_llama_cpp_reports(
    name: str, context: int, kv: KvType, slots: int, cache_mib: float, state_mib: float
) -> None:
    assert kv_bytes(shape(name), context, kv, slots) == cache_mib * MIB
    assert state_bytes(shape(name), slots) == state_mib * MIB


@pytest.mark.parametrize(
    ("name", "context", "reported_mib"),
    [
        ("qwen2.5-coder-0.5b", 8192, 45.27),
        ("qwen2.5-coder-0.5b", 32768, 69.27),
        ("qwen2.5-coder-1.5b", 8192, 75.52),
        ("qwen2.5-coder-1.5b", 32768, 99.52),
    ],
)
def test_working_buffers_of_dense_models_are_what_llama_cpp_reports(
    name: str, context: int, reported_mib: float
) -> None:
    assert compute_bytes(shape(name), context) / MIB == pytest.approx(reported_mib, abs=0.03)


@pytest.mark.parametrize(("name", "kv", "slots"), [("qwen2.5-coder-1.5b", "f16", 1), ("qwen2.5-coder-0.5b", "q8_0", 2)])
def test_a_real_file_takes_what_the_runtime_says_it_does(name: str, kv: KvType, slots: int) -> None:
    path = on_disk(find_profile(name))
    if path is None:
        pytest.fail(f"the real model is missing: run `swe-agent models pull {name}`")
    told = subprocess.run(
        [sys.executable, "-c", TELL, str(path), "8192", kv, str(slots)], capture_output=True, text=True, check=True
    ).stderr
    model = from_gguf(read_gguf(path))

    def reported(what: str) -> float:
        found = re.search(rf"{what} buffer size =\s*([\d.]+) MiB", told)
        assert found, told[-2000:]
        return float(found[1])

    assert kv_bytes(model.shape, 8192, kv, slots) / MIB == pytest.approx(reported("KV"), abs=0.01)
    assert model.weights / MIB == pytest.approx(reported("_Mapped model"), abs=0.01)
    assert compute_bytes(model.shape, 8192) / MIB == pytest.approx(reported("compute"), abs=0.5)


# ---------------------------------------------------------------- shapes


PLAIN = Architecture(
    name="llama", block_count=4, embedding_length=64, head_count=4, head_count_kv=2, key_length=16, value_length=16
)
TOKEN = 2 * 2 * (16 + 16)
"""Bytes a token takes in one layer of it."""


def with_(**changes: object) -> Architecture:
    return Architecture.model_validate(PLAIN.model_dump() | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 4 * TOKEN * 1024),
        ({"nextn_predict_layers": 1}, 3 * TOKEN * 1024),
        ({"shared_kv_layers": 2}, 2 * TOKEN * 1024),
        ({"head_count_kv": (2, 0, 1, 0)}, 3 * TOKEN // 2 * 1024),
        ({"full_attention_interval": 2}, 2 * TOKEN * 1024),
        ({"value_length": 48}, 4 * 2 * TOKEN * 1024),
        ({"mla": True, "kv_lora_rank": 16}, 4 * TOKEN // 2 * 1024),
        ({"sliding_window": 200, "sliding_window_pattern": 4}, TOKEN * 1024 + 3 * TOKEN * 768),
        ({"sliding_window": 200, "sliding_window_pattern": (True, False, False, False)}, TOKEN * (3 * 1024 + 768)),
        ({"sliding_window": 9000, "sliding_window_pattern": 2}, 4 * TOKEN * 1024),
        (
            {"sliding_window": 200, "sliding_window_pattern": 2, "key_length_swa": 8, "value_length_swa": 8},
            2 * TOKEN * 1024 + 2 * TOKEN // 2 * 768,
        ),
    ],
)
def test_each_shape_has_its_own_cache(changes: dict[str, object], expected: int) -> None:
    assert kv_bytes(with_(**changes), 1024) == expected


def test_layers_with_attention_and_state_both_have_both() -> None:
    ssm = {"conv_kernel": 4, "inner_size": 128, "state_size": 16, "group_count": 1}
    each = 4 * (3 * (128 + 32) + 16 * 128)
    assert state_bytes(with_(ssm=ssm)) == 4 * each
    assert kv_bytes(with_(ssm=ssm), 1024) == kv_bytes(PLAIN, 1024)
    assert state_bytes(with_(ssm=ssm, head_count_kv=(0, 2, 0, 0)), slots=2) == 2 * 3 * each
    assert state_bytes(PLAIN) == checkpoint_bytes(PLAIN, 1024) == 0


@given(st.integers(1, 1 << 20), st.integers(1, 8), st.sampled_from(KV_TYPES))
def test_more_tokens_and_slots_never_take_less(context: int, slots: int, kv: KvType) -> None:
    for name in ("qwen3-coder-next", "gpt-oss-120b", "glm-4.7-flash"):
        one = shape(name)
        assert kv_bytes(one, context + 1, kv, slots) >= kv_bytes(one, context, kv, slots) > 0
        assert kv_bytes(one, context, kv, slots + 1) > kv_bytes(one, context, kv, slots)
