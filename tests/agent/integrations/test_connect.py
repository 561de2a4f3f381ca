"""The lines for other tools: every piece is valid in its own format and says server, model, window and sampling."""

from __future__ import annotations

import json
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from agent.catalogue.profiles import find_profile
from agent.integrations.connect import Endpoint, Tool, lines, snippets

BASE = "http://127.0.0.1:8080/v1"
MODEL = "qwen3-coder-30b"
SERVED = Endpoint(BASE, MODEL, "llama.cpp", 65_536, find_profile(MODEL).sampling)
OLLAMA = replace(SERVED, base_url="http://127.0.0.1:11434/v1", model="qwen3-coder:30b", server="Ollama")


def text(tool: Tool, endpoint: Endpoint, language: str) -> str:
    """The one piece in a language."""
    (found,) = (each.text for each in snippets(tool, endpoint) if each.language == language)
    return found


def loaded(tool: Tool, endpoint: Endpoint, language: str = "json") -> Any:
    found = text(tool, endpoint, language)
    return json.loads(found) if language == "json" else tomllib.loads(found)


def exported(tool: Tool, endpoint: Endpoint, *names: str) -> list[str]:
    """What the shell holds after the exports, as a real shell sees it."""
    (script,) = (each.text for each in snippets(tool, endpoint) if each.title.startswith("then run"))
    kept = "".join(line + "\n" for line in script.splitlines() if line.startswith("export "))
    show = "".join(f'printf "%s\\n" "${name}"\n' for name in names)
    return subprocess.run(["sh", "-c", kept + show], capture_output=True, text=True, check=True).stdout.splitlines()


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("tool", get_args(Tool))
@pytest.mark.parametrize("server", ["llama.cpp", "Ollama", "vLLM", "SGLang", "LM Studio", "generic"])
def test_every_tool_gets_model_and_window(tool: Tool, server: str) -> None:
    endpoint = replace(OLLAMA if server == "Ollama" else SERVED, server=server, note="a word on it")
    said = lines(tool, endpoint)
    assert said.startswith("# a word on it\n") and said.endswith("\n")
    assert endpoint.model in said and "65536" in said and endpoint.root in said
    assert ("0.7" in said) == (tool != "codex" or server == "Ollama"), "Codex sends no sampling; a Modelfile holds it"


@pytest.mark.parametrize("tool", get_args(Tool))
def test_no_key_is_ever_printed_but_a_place_for_one_is(tool: Tool) -> None:
    said = lines(tool, replace(SERVED, api_key_needed=True))
    assert "YOUR-KEY" in said
    assert "YOUR-KEY" not in lines(tool, SERVED)


@pytest.mark.parametrize("tool", get_args(Tool))
@pytest.mark.parametrize("server", ["llama.cpp", "Ollama"])
def test_a_name_with_quotes_stays_one_name_everywhere(tool: Tool, server: str) -> None:
    name = """mo'del "x" $(touch hurt) `y` \\z é"""
    found = 0
    for piece in snippets(tool, replace(SERVED, model=name, server=server)):
        if piece.language in {"json", "toml"}:
            read = json.loads(piece.text) if piece.language == "json" else tomllib.loads(piece.text)
            assert any(name in each for each in strings(read))
            found += 1
        elif piece.language == "yaml":
            values = (line.partition("name: ")[2] for line in piece.text.splitlines() if "- name: " in line)
            assert [name in json.loads(value) for value in values] == [True]
            found += 1
        elif piece.title.startswith("then run") and "touch hurt" in piece.text:
            assert any(name in word for word in shlex.split(piece.text))
    assert found


def strings(value: Any) -> Iterator[str]:
    """Every string in a value read from a file, keys too."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


# ---------------------------------------------------------------- each


def test_aider_has_the_sampling_beyond_openais_in_the_body() -> None:
    assert loaded("aider", SERVED) == {
        f"openai/{MODEL}": {
            "max_input_tokens": 65_536, "input_cost_per_token": 0, "output_cost_per_token": 0,
            "litellm_provider": "openai", "mode": "chat",
        }
    }  # fmt: skip
    assert text("aider", SERVED, "yaml") == (
        f'- name: "openai/{MODEL}"\n'
        '  edit_format: "diff"\n'
        "  use_repo_map: true\n"
        "  use_temperature: 0.7\n"
        "  extra_params:\n"
        "    top_p: 0.8\n"
        "    extra_body:\n"
        "      top_k: 20\n"
        "      min_p: 0.0\n"
        "      repeat_penalty: 1.05\n"
    )
    assert exported("aider", SERVED, "OPENAI_API_BASE", "OPENAI_API_KEY") == [BASE, "none"]
    assert text("aider", SERVED, "sh").endswith(f"aider --model openai/{MODEL}\n")


def test_aider_asks_ollama_for_the_same_window_with_every_request() -> None:
    written = text("aider", OLLAMA, "yaml")
    assert '- name: "ollama_chat/qwen3-coder:30b"\n' in written
    assert "  extra_params:\n    num_ctx: 65536\n    top_p: 0.8\n    top_k: 20\n" in written
    assert exported("aider", OLLAMA, "OLLAMA_API_BASE") == ["http://127.0.0.1:11434"]


def test_aider_has_a_small_model_write_whole_files() -> None:
    assert 'edit_format: "whole"' in text("aider", replace(SERVED, model="qwen2.5-coder-1.5b"), "yaml")


def test_openhands_has_the_window_in_its_settings_and_is_told_to_take_the_environment() -> None:
    llm = loaded("openhands", SERVED)["llm"]
    assert (llm["model"], llm["base_url"], llm["max_input_tokens"]) == (f"openai/{MODEL}", BASE, 65_536)
    assert llm["native_tool_calling"] is True
    assert llm["litellm_extra_body"] == {"top_k": 20, "min_p": 0.0, "repeat_penalty": 1.05}
    names = ("LLM_MODEL", "LLM_BASE_URL", "LLM_API_KEY", "ALLOW_SHORT_CONTEXT_WINDOWS")
    assert exported("openhands", SERVED, *names) == [f"openai/{MODEL}", BASE, "none", ""]
    assert "openhands --override-with-envs" in text("openhands", SERVED, "sh")


def test_openhands_refuses_small_windows_unless_told() -> None:
    assert exported("openhands", replace(SERVED, window=8_192), "ALLOW_SHORT_CONTEXT_WINDOWS") == ["true"]


def test_a_model_that_can_not_call_tools_is_not_said_to() -> None:
    small = replace(SERVED, model="qwen2.5-coder-7b")
    assert loaded("openhands", small)["llm"]["native_tool_calling"] is False


def test_continue_passes_on_what_its_provider_does_not_know() -> None:
    assert text("continue", SERVED, "yaml") == (
        'name: "Local"\n'
        'version: "1.0.0"\n'
        'schema: "v1"\n'
        "models:\n"
        f'  - name: "{MODEL}"\n'
        '    provider: "openai"\n'
        f'    model: "{MODEL}"\n'
        f'    apiBase: "{BASE}"\n'
        "    requestOptions:\n"
        "      extraBodyProperties:\n"
        "        top_k: 20\n"
        "        min_p: 0.0\n"
        "        repeat_penalty: 1.05\n"
        '    apiKey: "none"\n'
        '    roles: ["chat", "edit", "apply"]\n'
        '    capabilities: ["tool_use"]\n'
        "    contextLength: 65536\n"
        "    defaultCompletionOptions:\n"
        "      contextLength: 65536\n"
        "      temperature: 0.7\n"
        "      topP: 0.8\n"
        "      topK: 20\n"
    )


def test_continue_speaks_ollamas_own_api_and_keeps_a_key_apart() -> None:
    written = text("continue", OLLAMA, "yaml")
    assert 'provider: "ollama"\n' in written and 'apiBase: "http://127.0.0.1:11434"\n' in written
    assert "minP: 0.0" in written and "extraBodyProperties" not in written
    assert "${{ secrets.LOCAL_API_KEY }}" in text("continue", replace(SERVED, api_key_needed=True), "yaml")


def test_qwen_code_has_a_provider_of_its_own() -> None:
    settings = loaded("qwen-code", SERVED)
    (entry,) = settings["modelProviders"]["openai"]
    assert (entry["id"], entry["baseUrl"]) == (MODEL, BASE)
    generation = entry["generationConfig"]
    assert generation["contextWindowSize"] == 65_536
    assert generation["samplingParams"] == {"temperature": 0.7, "top_p": 0.8}
    assert generation["extra_body"] == {"top_k": 20, "min_p": 0.0, "repeat_penalty": 1.05}
    assert settings["model"]["name"] == MODEL and settings["security"]["auth"]["selectedType"] == "openai"
    assert exported("qwen-code", SERVED, entry["envKey"]) == ["none"]


def test_codex_speaks_the_responses_api() -> None:
    config = loaded("codex", SERVED, "toml")
    assert (config["model"], config["model_context_window"]) == (MODEL, 65_536)
    provider = config["model_providers"][config["model_provider"]]
    assert (provider["base_url"], provider["wire_api"]) == (BASE, "responses")
    assert "env_key" not in provider
    secret = loaded("codex", replace(SERVED, api_key_needed=True), "toml")
    assert secret["model_providers"]["local"]["env_key"] == "LOCAL_API_KEY"


def test_zed_has_the_server_by_its_kind() -> None:
    settings = loaded("zed", SERVED)
    served = settings["language_models"]["openai_compatible"]["local"]
    (entry,) = served["available_models"]
    assert (served["api_url"], entry["name"], entry["max_tokens"]) == (BASE, MODEL, 65_536)
    assert entry["capabilities"]["tools"] is True
    assert settings["agent"]["default_model"] == {"provider": "local", "model": MODEL}
    assert settings["agent"]["model_parameters"][0]["temperature"] == 0.7

    settings = loaded("zed", OLLAMA)
    (entry,) = settings["language_models"]["ollama"]["available_models"]
    assert (entry["max_tokens"], entry["supports_tools"]) == (65_536, True)
    assert settings["agent"]["default_model"]["provider"] == "ollama"


# ---------------------------------------------------------------- servers


@pytest.mark.parametrize("tool", ["openhands", "qwen-code", "codex"])
def test_where_ollama_takes_no_window_a_model_with_one_is_made_first(tool: Tool) -> None:
    first = snippets(tool, OLLAMA)[0].text
    assert first.startswith("cat > Modelfile <<'END'\nFROM qwen3-coder:30b\nPARAMETER num_ctx 65536\n")
    for parameter in ("temperature 0.7", "top_p 0.8", "top_k 20", "min_p 0.0", "repeat_penalty 1.05"):
        assert f"PARAMETER {parameter}\n" in first
    assert first.endswith("END\nollama create qwen3-coder:30b-ctx65536 -f Modelfile\n")
    assert "qwen3-coder:30b-ctx65536" in snippets(tool, OLLAMA)[1].text
    untagged = replace(OLLAMA, model="devstral", base_url="http://192.0.2.7:11434/v1")
    assert "OLLAMA_HOST=http://192.0.2.7:11434 ollama create devstral:ctx65536" in snippets(tool, untagged)[0].text


@pytest.mark.parametrize(("server", "name"), [("vLLM", "repetition_penalty"), ("LM Studio", "repeat_penalty")])
def test_the_penalty_has_the_servers_name_for_it(server: str, name: str) -> None:
    (entry,) = loaded("qwen-code", replace(SERVED, server=server))["modelProviders"]["openai"]
    assert entry["generationConfig"]["extra_body"][name] == 1.05


# ---------------------------------------------------------------- formats
