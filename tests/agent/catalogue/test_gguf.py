"""A GGUF file's header: read quickly and whole, of several parts too, and no damage goes unnoticed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.catalogue.download import on_disk
from agent.catalogue.gguf import read_gguf
from agent.catalogue.profiles import find_profile
from agent.errors import ModelUnavailable

LLAMA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 4096,
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 128,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
}


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(given: object) -> bytes:
    if isinstance(given, list):
        if isinstance(given[0], str):
            return struct.pack("<IIQ", 9, 8, len(given)) + b"".join(map(string, given))
        kind, code = (7, "?") if isinstance(given[0], bool) else (5, "i")
        return struct.pack(f"<IIQ{len(given)}{code}", 9, kind, len(given), *given)
    if isinstance(given, str):
        return struct.pack("<I", 8) + string(given)
    kind, code = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}[type(given)]
    return struct.pack(f"<I{code}", kind, given)


def gguf(metadata: dict[str, object], tensors: dict[str, int], *, version: int = 3) -> bytes:
    """A file's bytes; `tensors` are of the size given, in bytes, in multiples of 32."""
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    header += b"".join(string(key) + value(given) for key, given in metadata.items())
    offset = 0
    for name, size in tensors.items():
        header += string(name) + struct.pack("<IQIQ", 1, size // 4, 0, offset)
        offset += size
    return header + bytes(-len(header) % 32) + bytes(offset)


@pytest.fixture
def real() -> Path:
    path = on_disk(find_profile("qwen2.5-coder-1.5b"))
    if path is None:
        pytest.fail("the real model is missing: run `swe-agent models pull qwen2.5-coder-1.5b`")
    return path


def written(directory: Path, data: bytes, name: str = "model.gguf") -> Path:
    path = directory / name
    path.write_bytes(data)
    return path


def test_a_real_file_says_what_its_maker_published(real: Path) -> None:
    model = read_gguf(real)
    # The sum of the tensors' bytes by the reference reader, the package gguf.
    assert (model.weights, len(model.tensors)) == (1_111_370_240, 339)
    assert model.trained_window == 32768
    assert model.lengths["tokenizer.ggml.tokens"] == 151_936
    published = find_profile("qwen2.5-coder-1.5b").architecture
    assert model.architecture() == published


def test_scalars_and_short_arrays_are_kept_and_vocabularies_skipped(tmp_path: Path) -> None:
    metadata = {**LLAMA, "some.flag": True, "some.scale": 0.5, "some.words": ["a", "b"], "some.layers": [1, 0, 3]}
    metadata["some.scores"] = list(range(5000))
    model = read_gguf(written(tmp_path, gguf(metadata, {"a": 64, "b": 96})))
    assert model.tensors == {"a": 64, "b": 96}
    assert model.metadata["some.flag"] is True and model.metadata["some.scale"] == 0.5
    assert model.metadata["some.layers"] == (1, 0, 3)
    assert not {"some.words", "some.scores"} & model.metadata.keys()
    assert model.lengths == {"some.words": 2, "some.layers": 3, "some.scores": 5000}


def test_alignment_moves_the_tensors(tmp_path: Path) -> None:
    data = gguf({**LLAMA, "general.alignment": 128}, {"a": 256})
    header = len(data) - 256
    data = data[:header] + bytes(-header % 128) + data[header:]
    assert read_gguf(written(tmp_path, data)).weights == 256


def test_experts_are_counted_by_layer(tmp_path: Path) -> None:
    tensors = {
        "token_embd.weight": 32,
        "blk.0.ffn_up.weight": 64,
        "blk.1.ffn_up_exps.weight": 320,
        "blk.1.ffn_down_exps.weight": 640,
        "blk.1.ffn_up_shexp.weight": 32,
        "blk.10.ffn_gate_up_exps.weight": 960,
    }
    assert read_gguf(written(tmp_path, gguf(LLAMA, tensors))).expert_bytes() == {1: 960, 10: 960}


def test_all_parts_count_and_the_first_speaks_for_them(tmp_path: Path) -> None:
    first = written(tmp_path, gguf(LLAMA, {}), "big-00001-of-00003.gguf")
    written(tmp_path, gguf({"split.no": 1}, {"a": 320}), "big-00002-of-00003.gguf")
    with pytest.raises(ModelUnavailable, match="big-00003-of-00003"):
        read_gguf(first)
    written(tmp_path, gguf({"split.no": 2}, {"b": 640}), "big-00003-of-00003.gguf")
    model = read_gguf(first)
    assert model.weights == 960
    assert model.architecture().block_count == 2


def test_head_sizes_follow_from_the_width_where_they_are_not_said(tmp_path: Path) -> None:
    shape = read_gguf(written(tmp_path, gguf(LLAMA, {"a": 32}))).architecture()
    assert (shape.key_length, shape.value_length, shape.head_count_kv) == (16, 16, 2)
    without = {key: given for key, given in LLAMA.items() if not key.endswith("head_count_kv")}
    assert read_gguf(written(tmp_path, gguf(without, {"a": 32}))).architecture().head_count_kv == 4


@pytest.mark.parametrize(
    ("name", "extra", "field", "expected"),
    [
        ("qwen3next", {"attention.head_count_kv": 2}, "full_attention_interval", 4),
        ("qwen35moe", {"full_attention_interval": 4}, "full_attention_interval", 4),
        ("gpt-oss", {"attention.sliding_window": 128}, "sliding_window_pattern", 2),
        ("gpt-oss", {"attention.sliding_window": 128}, "sliding_window", 128),
        ("gemma3", {"attention.sliding_window": 1024}, "sliding_window_pattern", 6),
        ("llama", {"attention.sliding_window": 4096}, "sliding_window", 0),
        (
            "gemma4",
            {"attention.sliding_window": 512, "attention.sliding_window_pattern": [True, False]},
            "sliding_window_pattern",
            (True, False),
        ),
        ("deepseek2", {"attention.kv_lora_rank": 512, "attention.key_length_mla": 192}, "mla", True),
        ("deepseek2", {"attention.kv_lora_rank": 512}, "mla", False),
        ("nemotron_h", {"attention.head_count_kv": [0, 8]}, "head_count_kv", (0, 8)),
        ("glm4moe", {"nextn_predict_layers": 1}, "nextn_predict_layers", 1),
    ],
)
def test_each_kind_of_architecture_is_recognized(
    tmp_path: Path, name: str, extra: dict[str, object], field: str, expected: object
) -> None:
    metadata = {key.replace("llama.", f"{name}."): given for key, given in LLAMA.items()}
    metadata |= {"general.architecture": name} | {f"{name}.{key}": given for key, given in extra.items()}
    shape = read_gguf(written(tmp_path, gguf(metadata, {"a": 32}))).architecture()
    assert getattr(shape, field) == expected


def test_a_file_without_a_shape_is_told_so(tmp_path: Path) -> None:
    model = read_gguf(written(tmp_path, gguf({"general.architecture": "clip"}, {"a": 32})))
    assert model.trained_window is None
    with pytest.raises(ModelUnavailable, match=r"no clip\.block_count"):
        model.architecture()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "can't be read"),
        (b"PK\x03\x04" + bytes(64), "no GGUF"),
        (gguf(LLAMA, {"a": 32}, version=1), "version, 1,"),
        (gguf(LLAMA, {"a": 32})[:40], "cut off"),
        (gguf(LLAMA, {"a": 32, "b": 320})[:-320], "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 60), "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<I", 99), "cut off"),
    ],
)
def test_damage_is_one_clear_error(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelUnavailable, match=reason):
        read_gguf(written(tmp_path, data))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="No such file"):
        read_gguf(tmp_path / "nothing.gguf")


WHOLE = gguf({**LLAMA, "some.words": ["a", "bc"], "some.layers": [1, 2]}, {"a": 64, "b": 32})


@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_no_byte_can_do_more_than_raise_that_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
    try:
        read_gguf(path).architecture()
    except ModelUnavailable as error:
        assert error.hint
