"""The catalogue's data is whole, and a model is found by whatever name a server gives it."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from agent.catalogue.profiles import DEFAULT_MODEL, GENERIC, GgufFile, Profile, find_profile, load_catalogue

NO_FILE_KNOWN = {GENERIC, "glm-4.5-air", "glm-4.6"}


def test_every_model_but_the_generic_one_has_a_window_and_a_shape() -> None:
    for profile in load_catalogue():
        if profile.name != GENERIC:
            assert profile.window and profile.window >= 32768, profile.name
            assert profile.architecture is not None, profile.name
            assert profile.architecture.head_count > 0, profile.name
        assert (profile.gguf_file() is None) == (profile.name in NO_FILE_KNOWN), profile.name


def test_the_models_that_were_asked_for_are_there() -> None:
    names = {profile.name for profile in load_catalogue()}
    assert names >= {
        "qwen3-coder-next",
        "qwen3-coder-30b",
        "qwen3-coder-480b",
        *(f"qwen2.5-coder-{size}b" for size in ("0.5", "1.5", "3", "7", "14", "32")),
        "gpt-oss-20b",
        "gpt-oss-120b",
        "devstral-small",
        "glm-4.7-flash",
        "deepseek-v3.1",
        "deepseek-v3.2",
        GENERIC,
    }


def test_each_family_has_its_dialect() -> None:
    families = {"qwen3-coder", "gpt-oss", "glm", "deepseek"}
    for profile in load_catalogue():
        for family in families:
            assert (profile.dialect == family) == profile.name.startswith(family), profile.name
    assert find_profile("devstral-2").dialect == "mistral"
    assert find_profile("qwen2.5-coder-1.5b").dialect == "json"
    assert find_profile("nobody-knows-it").dialect == "hermes"


def test_sampling_always_says_all_four() -> None:
    for profile in load_catalogue():
        assert {"temperature", "top_p", "top_k", "min_p"} <= profile.sampling.model_fields_set, profile.name


def test_yarn_begins_at_the_window_and_reaches_a_million_for_qwen3_coder() -> None:
    for profile in load_catalogue():
        if profile.yarn:
            assert profile.yarn.original == profile.window, profile.name
    for name in ("qwen3-coder-30b", "qwen3-coder-next", "qwen3-coder-480b"):
        yarn = find_profile(name).yarn
        assert yarn is not None and yarn.factor * yarn.original == 1_048_576


def test_the_experts_parameters_are_most_of_the_whole_and_no_more() -> None:
    sparse = 0
    for profile in load_catalogue():
        shape = profile.architecture
        if shape is None or not shape.expert_count or not shape.parameters:
            continue
        layers = shape.block_count - shape.leading_dense_block_count
        experts = 3 * layers * shape.expert_count * shape.embedding_length * shape.expert_feed_forward_length
        assert 0.9 < experts / shape.parameters < 1, profile.name
        sparse += 1
    assert sparse == 9


def test_a_split_file_names_all_its_parts() -> None:
    file = find_profile("qwen3-coder-480b").gguf["UD-Q2_K_XL"]
    assert file.name == "Qwen3-Coder-480B-A35B-Instruct-UD-Q2_K_XL-00001-of-00004.gguf"
    assert len(file.parts) == 4
    assert file.parts[0] == file.file
    assert file.parts[3] == "UD-Q2_K_XL/Qwen3-Coder-480B-A35B-Instruct-UD-Q2_K_XL-00004-of-00004.gguf"
    whole = find_profile("qwen3-coder-30b").gguf["Q4_K_M"]
    assert whole.parts == (whole.file,)


def test_a_split_file_has_no_digest() -> None:
    file = find_profile("qwen3-coder-480b").gguf["Q4_K_M"]
    with pytest.raises(ValidationError, match="no one digest"):
        GgufFile.model_validate(file.model_dump() | {"sha256": "0" * 64})


def test_files_of_one_model_differ_and_the_larger_numbers_are_larger() -> None:
    for profile in load_catalogue():
        sizes = [file.bytes for file in profile.gguf.values()]
        assert len(set(sizes)) == len(sizes), profile.name
        bits = {key: int(found[1]) for key in profile.gguf if (found := re.search(r"Q(\d)_", key))}
        for one, few in bits.items():
            for other, more in bits.items():
                if few < more:
                    assert profile.gguf[one].bytes < profile.gguf[other].bytes, (profile.name, one, other)


def test_names_are_unique_and_the_default_is_there() -> None:
    names = [key for profile in load_catalogue() for key in (profile.name, *profile.aliases)]
    assert len(set(names)) == len(names)
    for profile in load_catalogue():
        for key in (profile.name, *profile.aliases):
            assert find_profile(key) is profile
    assert find_profile(DEFAULT_MODEL).name == DEFAULT_MODEL


def test_it_is_ordered_by_size_with_the_generic_profile_last() -> None:
    *models, last = load_catalogue()
    sizes = [file.bytes for profile in models if (file := profile.gguf_file())]
    assert sizes == sorted(sizes)
    assert last.name == GENERIC


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b"),
        ("Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf", "qwen2.5-coder-1.5b"),
        ("/models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "qwen2.5-coder-0.5b"),
        ("qwen2.5-coder:14b-instruct-q4_K_M", "qwen2.5-coder-14b"),
        ("qwen2.5-coder:latest", "qwen2.5-coder-7b"),
        ("hf.co/Qwen/Qwen2.5-Coder-3B-Instruct-GGUF:Q8_0", "qwen2.5-coder-3b"),
        ("qwen3-coder-next:latest", "qwen3-coder-next"),
        ("unsloth/Qwen3-Coder-Next-GGUF:UD-Q4_K_XL", "qwen3-coder-next"),
        ("qwen3-coder", "qwen3-coder-30b"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3-coder-30b"),
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
        ("mistralai_Devstral-Small-2507-Q4_K_M", "devstral-small"),
        ("qwen3-coder:480b", "qwen3-coder-480b"),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "qwen3-coder-480b"),
        ("Qwen3-Coder-480B-A35B-Instruct-Q4_K_M-00001-of-00006.gguf", "qwen3-coder-480b"),
        ("qwen3-coder:30b-a3b-q8_0", "qwen3-coder-30b"),
        ("gpt-oss:120b", "gpt-oss-120b"),
        ("gpt-oss:20b", "gpt-oss-20b"),
        ("gpt-oss:latest", "gpt-oss-20b"),
        ("ggml-org/gpt-oss-120b-GGUF:MXFP4", "gpt-oss-120b"),
        ("devstral:24b", "devstral-small"),
        ("devstral-small-2:24b", "devstral-small-2"),
        ("devstral-2:123b", "devstral-2"),
        ("mistralai/Devstral-2-123B-Instruct-2512", "devstral-2"),
        ("Devstral-Small-2-24B-Instruct-2512-UD-Q4_K_XL.gguf", "devstral-small-2"),
        ("glm-4.7-flash:latest", "glm-4.7-flash"),
        ("zai-org/GLM-4.7", "glm-4.7"),
        ("zai-org/GLM-4.6-FP8", "glm-4.6"),
        ("GLM-4.5-Air-Q4_K_M-00001-of-00002.gguf", "glm-4.5-air"),
        ("deepseek-v3.1:671b", "deepseek-v3.1"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "deepseek-v3.1"),
        ("deepseek-ai/DeepSeek-V3.2", "deepseek-v3.2"),
        ("zai-org/GLM-4.5", GENERIC),
        ("deepseek-r1:70b", GENERIC),
        ("llama3.1:8b", GENERIC),
        ("qwen2.5-7b-instruct", GENERIC),
        ("generic-model", GENERIC),
        ("", GENERIC),
    ],
)
def test_a_model_is_found_by_what_servers_call_it(given: str, found: str) -> None:
    assert find_profile(given).name == found


def test_small_models_are_guided_and_able_ones_drive() -> None:
    ways = {profile.name: (profile.strategy, profile.tool_calling) for profile in load_catalogue()}
    assert ways["qwen2.5-coder-3b"] == ("guided", "constrained")
    assert ways["qwen2.5-coder-7b"] == ("agent", "constrained")
    assert ways["qwen3-coder-next"] == ("agent", "native")
    assert ways[GENERIC] == ("agent", "native")


def test_the_models_that_come_as_packages_have_a_digest_to_check() -> None:
    carried = [file for profile in load_catalogue() for file in profile.gguf.values() if file.packages]
    assert len(carried) == 2
    assert all(file.sha256 for file in carried)


def test_a_quantization_is_found_in_any_case() -> None:
    profile = find_profile("qwen3-coder-next")
    assert profile.gguf_file("ud-q4_k_m") is profile.gguf["UD-Q4_K_M"]
    assert profile.gguf_file() is profile.gguf["UD-Q4_K_XL"]
    assert profile.gguf_file("Q2_K") is None


def test_profiles_are_frozen_and_check_their_default() -> None:
    profile = find_profile(DEFAULT_MODEL)
    with pytest.raises(ValidationError):
        profile.window = 1
    with pytest.raises(ValidationError, match="default_quantization"):
        Profile.model_validate(profile.model_dump() | {"default_quantization": "Q2_K"})
