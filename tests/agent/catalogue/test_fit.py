"""Which models fit a machine: where they are loaded, with which context and quantization."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.catalogue.architecture import Architecture
from agent.catalogue.download import on_disk
from agent.catalogue.fit import (
    AMPLE_CONTEXT,
    MIN_CONTEXT,
    USEFUL_CONTEXT,
    Fit,
    best_of,
    candidates,
    fit,
    from_profile,
)
from agent.catalogue.hardware import GIB, Machine
from agent.catalogue.memory import KV_TYPES, KvType, kv_bytes
from agent.catalogue.placement import GPU_RESERVE, SizedModel, find_placement, usable_ram
from agent.catalogue.profiles import Profile, find_profile, load_catalogue
from agent.errors import UsageError


def shape(name: str) -> Architecture:
    found = find_profile(name).architecture
    assert found is not None
    return found


def sized(name: str, quantization: str | None = None) -> SizedModel:
    found = from_profile(find_profile(name), quantization)
    assert found is not None
    return found


# ---------------------------------------------------------------- places


WORKSTATION = Machine.described(64 * GIB, 24 * GIB)


@pytest.mark.parametrize(
    ("name", "machine", "where"),
    [
        ("qwen2.5-coder-1.5b", Machine.described(8 * GIB), "RAM"),
        ("qwen3-coder-30b", WORKSTATION, "GPU"),
        ("qwen3-coder-next", WORKSTATION, "experts in RAM"),
        ("devstral-2", WORKSTATION, "partly on GPU"),
        ("qwen3-coder-480b", WORKSTATION, "does not fit"),
        ("qwen3-coder-next", Machine.described(64 * GIB, unified=True), "GPU"),
        ("qwen3-coder-next", Machine.described(32 * GIB), "does not fit"),
        ("qwen3-coder-480b", Machine.described(512 * GIB, 400 * GIB), "GPU"),
    ],
)
def test_models_go_where_there_is_room(name: str, machine: Machine, where: str) -> None:
    found = fit(sized(name), machine)
    assert found.placement.where == where
    assert found.fits == (where != "does not fit")
    assert (found.context >= MIN_CONTEXT) == found.fits
    assert all(found.largest.values()) == found.fits


def shown_to_fit(found: Fit) -> None:
    """The bytes are within the machine, and add up to what is needed."""
    placement, machine, need = found.placement, found.machine, found.memory_use
    assert placement.gpu_bytes <= max(0, machine.gpu_bytes - GPU_RESERVE * machine.gpus)
    in_system = placement.ram_bytes + (placement.gpu_bytes if machine.unified else 0)
    assert in_system <= usable_ram(machine)
    every = need.weights + need.cache + need.state + need.compute + need.checkpoints
    assert placement.gpu_bytes + placement.ram_bytes == every


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([profile.name for profile in load_catalogue() if profile.gguf]),
    st.integers(4, 600),
    st.integers(0, 300),
    st.booleans(),
    st.sampled_from([None, *KV_TYPES]),
    st.integers(1, 4),
)
def test_what_is_said_to_fit_does_and_a_step_more_does_not(
    name: str, ram: int, gpu: int, unified: bool, kv: KvType | None, slots: int
) -> None:
    machine = Machine.described(ram * GIB, min(gpu, ram) * GIB if unified else gpu * GIB, unified=unified)
    found = fit(sized(name), machine, kv=kv, slots=slots)
    if not found.fits:
        assert find_placement(found.model, machine, "RAM", MIN_CONTEXT, kv or "q8_0", slots) is None
        return
    shown_to_fit(found)
    most = found.largest[found.kv]
    assert MIN_CONTEXT <= found.context <= most <= found.limit
    assert most % 1024 == 0
    where = found.placement.where
    if most + 1024 <= found.limit:
        assert find_placement(found.model, machine, where, most + 1024, found.kv, slots) is None
    assert found.largest["f16"] <= found.largest["q8_0"] <= found.largest["q4_0"]


def test_the_cache_is_quantized_only_where_that_is_needed() -> None:
    plenty, tight = Machine.described(64 * GIB, 48 * GIB), WORKSTATION
    assert fit(sized("qwen3-coder-30b"), plenty).kv == "f16"
    found = fit(sized("qwen3-coder-30b"), tight)
    assert (found.kv, found.placement.where) == ("q8_0", "GPU")
    assert found.largest["f16"] < AMPLE_CONTEXT < found.context
    assert fit(sized("qwen3-coder-30b"), tight, kv="f16").context == found.largest["f16"]


def test_outside_the_gpu_no_more_context_is_taken_than_is_enough() -> None:
    found = fit(sized("qwen3-coder-next"), WORKSTATION)
    assert (found.context, found.largest["f16"]) == (AMPLE_CONTEXT, 262_144)


def test_as_few_experts_leave_the_gpu_as_can_be() -> None:
    found = fit(sized("gpt-oss-120b"), WORKSTATION, context=USEFUL_CONTEXT)
    count = found.placement.cpu_moe
    assert 0 < count < 36
    back = found.placement.gpu_bytes + found.model.experts[count - 1]
    assert back > WORKSTATION.gpu_bytes - GPU_RESERVE


def test_a_context_that_is_asked_for_decides() -> None:
    found = fit(sized("qwen3-coder-30b"), WORKSTATION, context=200_000)
    assert (found.context, found.placement.where, found.kv) == (200_000, "experts in RAM", "f16")
    shown_to_fit(found)
    none = fit(sized("devstral-small"), Machine.described(16 * GIB), context=131_072)
    assert not none.fits and none.context == 131_072
    only = fit(sized("qwen3-coder-30b"), Machine.described(24 * GIB), context=120_000)
    assert (only.placement.where, only.kv) == ("RAM", "q4_0")


def test_slots_share_the_memory_and_each_has_its_context() -> None:
    one, four = (fit(sized("qwen3-coder-30b"), WORKSTATION, kv="q8_0", slots=slots) for slots in (1, 4))
    assert four.context < one.context and four.slots == 4
    assert four.memory_use.cache == kv_bytes(four.model.shape, four.context, "q8_0") * 4


def test_yarn_stretches_the_window_only_on_request() -> None:
    large = Machine.described(512 * GIB, 400 * GIB)
    assert fit(sized("qwen3-coder-30b"), large).context == 262_144
    found = fit(sized("qwen3-coder-30b"), large, yarn=True)
    assert (found.context, found.yarn) == (1_048_576, True)
    short = fit(sized("qwen3-coder-30b"), large, yarn=True, context=65_536)
    assert not short.yarn, "a prompt within the window gains nothing"
    with pytest.raises(UsageError, match="262144") as caught:
        fit(sized("qwen3-coder-30b"), large, context=500_000)
    assert "--yarn" in caught.value.hint
    with pytest.raises(UsageError, match="131072") as caught:
        fit(sized("gpt-oss-20b"), large, context=500_000)
    assert "--yarn" not in caught.value.hint
    with pytest.raises(UsageError, match="no YaRN"):
        fit(sized("gpt-oss-20b"), large, yarn=True)


def test_a_file_of_unknown_window_takes_what_is_asked() -> None:
    model = replace(sized("qwen2.5-coder-1.5b"), window=None)
    assert fit(model, WORKSTATION, context=1_000_000).context == 1_000_000


# ---------------------------------------------------------------- quantizations


def chosen(name: str, machine: Machine, **options: int) -> Fit:
    profile = find_profile(name)
    return best_of([fit(each, machine, **options) for each in candidates(profile)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "machine", "quantization", "where"),
    [
        ("qwen3-coder-30b", WORKSTATION, "Q4_K_M", "GPU"),
        ("qwen3-coder-30b", Machine.described(64 * GIB, 18 * GIB), "UD-Q3_K_XL", "GPU"),
        ("qwen3-coder-next", Machine.described(64 * GIB, 30 * GIB), "UD-Q4_K_XL", "experts in RAM"),
        ("qwen3-coder-next", Machine.described(32 * GIB, 12 * GIB), "UD-Q3_K_XL", "experts in RAM"),
        ("qwen3-coder-480b", WORKSTATION, "Q4_K_M", "does not fit"),
    ],
)
def test_a_smaller_quantization_is_taken_when_it_gains_a_place(
    name: str, machine: Machine, quantization: str, where: str
) -> None:
    found = chosen(name, machine)
    assert (found.model.quantization, found.placement.where) == (quantization, where)


def test_candidates_begin_with_the_usual_one_and_may_be_one_alone() -> None:
    profile = find_profile("qwen3-coder-next")
    names = [each.quantization for each in candidates(profile)]
    assert names[0] == "UD-Q4_K_XL" and sorted(names) == sorted(profile.gguf)
    assert [each.quantization for each in candidates(profile, "q8_0")] == ["Q8_0"]
    assert candidates(profile, "Q1_0") == candidates(find_profile("glm-4.6")) == []


def test_a_file_that_is_here_speaks_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = find_profile("qwen2.5-coder-1.5b")
    here = on_disk(profile)
    assert here is not None
    (own,) = candidates(profile)
    assert own.exact and own.weights == 1_111_370_240 and own.path == here
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (known,) = candidates(profile)
    assert not known.exact and known.weights == 1_117_320_768 and known.path is None


def test_the_experts_share_of_a_file_is_that_of_the_parameters() -> None:
    profile: Profile = find_profile("gpt-oss-120b")
    model = sized("gpt-oss-120b")
    assert len(model.experts) == 36
    assert 0.97 < sum(model.experts) / model.weights < 0.99
    assert not sized("devstral-2").experts
    assert profile.architecture is not None and profile.architecture.leading_dense_block_count == 0
    assert len(sized("deepseek-v3.1").experts) == 58
