"""Context windows: what is held, asked for and trained, told and set; and prompts that are cut unsaid."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from doubles import (
    Double,
    GenericDouble,
    LlamaCppDouble,
    LmStudioDouble,
    OllamaDouble,
    SglangDouble,
    VllmDouble,
)
from doubles.talk import (
    HI,
    asked,
    figures,
    opened,
    talk,
)

from agent.errors import (
    ModelUnavailable,
    PromptTruncated,
)


def test_llama_cpp_tells_what_a_slot_holds() -> None:
    with LlamaCppDouble(window=8192, trained=262_144, slots=2) as double:
        server = opened(double)
        asking = opened(double, context=65_536)
    assert figures(server) == (8192, None, 262_144)
    assert figures(asking) == (8192, 65_536, 262_144)
    assert server.window.size == asking.window.size == 8192
    assert "8,192" in server.advice and "262,144" in server.advice and "--ctx-size" in server.advice
    assert "--ctx-size 65536" in asking.advice
    assert server.version.startswith("b11549")


def test_a_window_that_is_whole_needs_no_advice() -> None:
    with LlamaCppDouble(window=32_768, trained=32_768) as double:
        assert opened(double).advice == ""


@pytest.mark.parametrize(
    ("default", "trained", "context", "held"),
    [
        (4096, 262_144, None, 32_768),
        (4096, 262_144, 65_536, 65_536),
        (4096, 8192, None, 8192),
        (4096, 8192, 65_536, 8192),
        (262_144, 262_144, 16_384, 16_384),
    ],
)
def test_ollama_is_made_to_load_with_a_window(default: int, trained: int, context: int | None, held: int) -> None:
    with OllamaDouble("hello", default_context=default, trained=trained) as double:
        server = talk(double.base_url, asked(), asked(), context=context).server
    assert figures(server) == (held, context, trained)
    assert double.loads == [held]
    assert {body["options"]["num_ctx"] for body in double.requests} == {held}
    body = double.requests[-1]
    assert (body["truncate"], body["shift"]) == (False, False)
    assert body["keep_alive"]


def test_ollama_keeps_a_larger_window_that_is_loaded_already() -> None:
    with OllamaDouble("hello", default_context=131_072) as double:
        double.load(double.model, None)
        server = talk(double.base_url, asked()).server
    assert (double.loads, server.window.held, server.advice) == ([131_072], 131_072, "")


def test_ollama_with_a_small_window_loaded_is_loaded_again_and_that_is_told() -> None:
    with OllamaDouble("hello", default_context=4096) as double:
        double.load(double.model, None)
        server = talk(double.base_url, asked()).server
    assert double.loads == [4096, 32_768]
    assert "4,096" in server.advice and "32,768" in server.advice


def test_ollama_pulls_a_model_it_lacks_and_tells_how_far_it_is() -> None:
    with OllamaDouble("hello") as double:
        talked = talk(double.base_url, asked(), model="devstral")
    assert double.pulled == ["devstral"] and talked.reply.content == "hello"
    assert any("getting devstral" in each for each in talked.progress)
    with OllamaDouble("hello") as double, pytest.raises(ModelUnavailable) as caught:
        talk(double.base_url, asked(), model="no-such-model")
    assert "no-such-model" in caught.value.message and caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("loaded", "context", "loads"),
    [
        (None, None, [32_768]),
        (None, 65_536, [65_536]),
        (4096, None, [4096, 32_768]),
        (40_000, None, [40_000]),
        (65_536, 16_384, [65_536]),
    ],
)
def test_lm_studio_is_made_to_load_with_a_window(loaded: int | None, context: int | None, loads: list[int]) -> None:
    with LmStudioDouble("hello", loaded=loaded) as double:
        server = talk(double.base_url, asked(), model=double.model, context=context).server
    assert double.loads == loads
    assert figures(server) == (loads[-1], context, 262_144)
    assert server.can.tools is True


def test_lm_studio_is_asked_for_the_model_that_is_loaded() -> None:
    with LmStudioDouble("hello", loaded=40_000) as double:
        server = talk(double.base_url, asked()).server
    assert server.model == double.model  # its list begins with another, which would have to be loaded first
    assert double.loads == [40_000]


def test_an_older_lm_studio_tells_its_window_too() -> None:
    with LmStudioDouble("hello", loaded=4096, old=True) as double:
        server = talk(double.base_url, asked(), model=double.model).server
    assert (server.name, server.window.held, server.window.trained) == ("LM Studio", 4096, 262_144)
    assert server.advice


@pytest.mark.parametrize("double", [VllmDouble, SglangDouble])
def test_servers_with_a_fixed_window_tell_it_and_how_to_change_it(double: Callable[..., Double]) -> None:
    with double("hello", window=16_384) as running:
        server = opened(running)
        asking = opened(running, context=65_536)
        lower = opened(running, context=8192)
    assert (server.window.held, server.window.size, lower.window.size) == (16_384, 16_384, 8192)
    assert "16,384" in server.advice and re.search(r"--(max-model-len|context-length) 32768", server.advice)
    assert re.search(r"--(max-model-len|context-length) 65536", asking.advice)
    assert lower.advice == ""
    assert server.version


def test_a_server_that_tells_nothing_has_no_window() -> None:
    with GenericDouble("hello") as double:
        assert figures(opened(double, context=9000)) == (None, 9000, None)


def test_a_prompt_that_was_cut_without_a_word_stops_the_turn() -> None:
    long = [*HI, *({"role": "user", "content": f"part {number}: " + "some words " * 400} for number in range(10))]
    with OllamaDouble("As you say.", trained=4096, old=True) as double, pytest.raises(PromptTruncated) as caught:
        talk(double.base_url, asked(long))
    assert caught.value.exit_code == 3 and "does not say so" in caught.value.message
    assert len(double.requests) == 1


def test_a_cut_in_the_middle_of_a_session_is_noticed_by_the_count_that_falls() -> None:
    turns = [*HI, {"role": "user", "content": "; " * 3000}]  # signs, which are no words: only the counts can tell
    longer = [*turns, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "; " * 1500}]
    with OllamaDouble("As you say.", trained=4096, old=True) as double, pytest.raises(PromptTruncated):
        talk(double.base_url, asked(turns), asked(longer))
    assert len(double.requests) == 2
