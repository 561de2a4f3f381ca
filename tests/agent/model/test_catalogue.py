"""The catalogue's data is whole, and a model is found by whatever name a server gives it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from agent.model.catalogue import DEFAULT_MODEL, GENERIC, Profile, find_profile, load_catalogue


def test_every_model_but_the_generic_one_has_a_window_and_a_file() -> None:
    for profile in load_catalogue():
        if profile.name != GENERIC:
            assert profile.window and profile.window >= 32768, profile.name
            assert profile.gguf_file() is not None, profile.name


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
