"""Configuration of other tools for a model server: the same model, context window and sampling as here.

Formats are from each tool's documentation and source, as of 2026: aider 0.86, OpenHands CLI 1.16 (SDK 1.21),
Continue's config.yaml schema v1, qwen-code's modelProviders, Codex (`wire_api = "chat"` is refused since early that
year), Zed's language_models.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from agent.catalogue.profiles import find_profile
from agent.integrations.snippets import Snippet, as_json, as_toml, as_yaml, commands

if TYPE_CHECKING:
    from agent.catalogue.profiles import Sampling

__all__ = ["Endpoint", "Tool", "lines", "snippets"]

Tool = Literal["aider", "openhands", "continue", "qwen-code", "codex", "zed"]

PROVIDER = "local"
KEY_VARIABLE = "LOCAL_API_KEY"
NO_KEY = "none"
"""A value for tools that need a key where the server needs none."""
IDLE_TIMEOUT_MS = 600_000
"""How long a tool waits for a token, in milliseconds: processing a long prompt takes minutes."""
_OPENHANDS_MIN_WINDOW = 16_384


@dataclass(frozen=True)
class Endpoint:
    """A model at a server. `server` is the kind of server, `window` is in tokens; `note` is a comment for the user.

    Names and addresses are printable and on one line: they are pasted into a shell.
    """

    base_url: str
    model: str
    server: str
    window: int
    sampling: Sampling
    api_key_needed: bool = False
    note: str = ""

    @property
    def root(self) -> str:
        """The URL without the `/v1` of the OpenAI-compatible API."""
        return self.base_url.rstrip("/").removesuffix("/v1")


def lines(tool: Tool, endpoint: Endpoint) -> str:
    """All files and commands for `tool` as text for the user; ends in a newline."""
    parts = [f"# {endpoint.note}\n"] if endpoint.note else []
    parts += [f"# {snippet.title}\n{snippet.text.rstrip()}\n" for snippet in snippets(tool, endpoint)]
    return "\n".join(parts)


def snippets(tool: Tool, endpoint: Endpoint) -> list[Snippet]:
    """The files and commands for `tool`, in order; each is valid by itself."""
    if endpoint.server == "Ollama" and tool in {"openhands", "qwen-code", "codex"}:
        derived = replace(endpoint, model=_derived_name(endpoint))
        return [_modelfile(endpoint, derived.model), *_TOOLS[tool](derived)]
    return _TOOLS[tool](endpoint)


def _aider(endpoint: Endpoint) -> list[Snippet]:
    ollama = endpoint.server == "Ollama"
    sampling, name = endpoint.sampling, ("ollama_chat/" if ollama else "openai/") + endpoint.model
    # By default it asks for another window with every request, and Ollama reloads the model each time.
    extra: dict[str, Any] = {"num_ctx": endpoint.window} if ollama else {}
    extra |= {"top_p": sampling.top_p}
    extra |= _extra_sampling(endpoint) if ollama else {"extra_body": _extra_sampling(endpoint)}
    small = find_profile(endpoint.model).strategy == "guided"
    settings = {
        "name": name,
        "edit_format": "whole" if small else "diff",
        "use_repo_map": not small,
        "use_temperature": sampling.temperature,
        "extra_params": extra,
    }
    metadata = {
        name: {
            "max_input_tokens": endpoint.window,
            "input_cost_per_token": 0,
            "output_cost_per_token": 0,
            "litellm_provider": "ollama_chat" if ollama else "openai",
            "mode": "chat",
        }
    }
    exports = {"OLLAMA_API_BASE": endpoint.root} if ollama else {"OPENAI_API_BASE": endpoint.base_url}
    if not ollama:
        exports["OPENAI_API_KEY"] = _key(endpoint)
    elif endpoint.api_key_needed:
        exports["OLLAMA_API_KEY"] = _key(endpoint)
    return [
        Snippet(".aider.model.settings.yml, in your home or the repository", "yaml", as_yaml([settings])),
        Snippet(".aider.model.metadata.json, beside it", "json", as_json(metadata)),
        commands(exports, f"aider --model {shlex.quote(name)}"),
    ]


def _openhands(endpoint: Endpoint) -> list[Snippet]:
    model = f"openai/{endpoint.model}"
    llm = {
        "model": model,
        "base_url": endpoint.base_url,
        "max_input_tokens": endpoint.window,
        "native_tool_calling": find_profile(endpoint.model).tool_calling == "native",
        "temperature": endpoint.sampling.temperature,
        "top_p": endpoint.sampling.top_p,
        "litellm_extra_body": _extra_sampling(endpoint),
    }
    exports = {"LLM_MODEL": model, "LLM_BASE_URL": endpoint.base_url, "LLM_API_KEY": _key(endpoint)}
    if endpoint.window < _OPENHANDS_MIN_WINDOW:
        exports["ALLOW_SHORT_CONTEXT_WINDOWS"] = "true"
    return [
        commands(exports, "openhands --override-with-envs"),
        Snippet(
            "~/.openhands/agent_settings.json, which its first run writes: add to the object there",
            "json",
            as_json({"llm": llm}),
        ),
    ]


def _continue(endpoint: Endpoint) -> list[Snippet]:
    sampling = endpoint.sampling
    options: dict[str, Any] = {
        "contextLength": endpoint.window,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
    }
    # Its llama.cpp provider can't call tools; the OpenAI provider can, and passes further parameters on.
    model: dict[str, Any] = {"name": endpoint.model, "provider": "openai", "model": endpoint.model}
    if endpoint.server == "Ollama":
        model |= {"provider": "ollama", "apiBase": endpoint.root}
        options["minP"] = sampling.min_p
    else:
        model["apiBase"] = endpoint.base_url
        model["requestOptions"] = {"extraBodyProperties": _extra_sampling(endpoint)}
    if endpoint.api_key_needed:
        model["apiKey"] = f"${{{{ secrets.{KEY_VARIABLE} }}}}"
    elif endpoint.server != "Ollama":
        model["apiKey"] = NO_KEY
    model |= {
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"],
        "contextLength": endpoint.window,
        "defaultCompletionOptions": options,
    }
    config = {"name": "Local", "version": "1.0.0", "schema": "v1", "models": [model]}
    key = [Snippet("~/.continue/.env", "sh", f"{KEY_VARIABLE}={_key(endpoint)}\n")] if endpoint.api_key_needed else []
    return [
        Snippet("~/.continue/config.yaml", "yaml", as_yaml(config)),
        *key,
        commands({}, "cn --config ~/.continue/config.yaml", "or open its editor extension, which reads the file too"),
    ]


def _qwen_code(endpoint: Endpoint) -> list[Snippet]:
    sampling = endpoint.sampling
    settings: dict[str, Any] = {
        "modelProviders": {
            "openai": [
                {
                    "id": endpoint.model,
                    "name": endpoint.model,
                    "envKey": KEY_VARIABLE,
                    "baseUrl": endpoint.base_url,
                    "generationConfig": {
                        "timeout": IDLE_TIMEOUT_MS,
                        "contextWindowSize": endpoint.window,
                        "samplingParams": {"temperature": sampling.temperature, "top_p": sampling.top_p},
                        "extra_body": _extra_sampling(endpoint),
                    },
                }
            ]
        },
        "security": {"auth": {"selectedType": "openai"}},
        "model": {"name": endpoint.model},
    }
    return [
        Snippet("~/.qwen/settings.json, added to what is there", "json", as_json(settings)),
        commands({KEY_VARIABLE: _key(endpoint)}, "qwen"),
    ]


def _codex(endpoint: Endpoint) -> list[Snippet]:
    provider = {
        "name": "Local" if endpoint.server == "generic" else endpoint.server,
        "base_url": endpoint.base_url,
        "wire_api": "responses",
        "stream_idle_timeout_ms": IDLE_TIMEOUT_MS,
    }
    if endpoint.api_key_needed:
        provider["env_key"] = KEY_VARIABLE
    top = {"model": endpoint.model, "model_provider": PROVIDER, "model_context_window": endpoint.window}
    text = as_toml(top) + f"\n[model_providers.{PROVIDER}]\n" + as_toml(provider)
    key = {KEY_VARIABLE: _key(endpoint)} if endpoint.api_key_needed else {}
    about = "it asks for /v1/responses and sends no sampling: the server's own counts, `models serve` sets the model's"
    return [
        Snippet("~/.codex/config.toml, the first three lines above any [table] there", "toml", text),
        commands(key, "codex", about),
    ]


def _zed(endpoint: Endpoint) -> list[Snippet]:
    ollama = endpoint.server == "Ollama"
    entry: dict[str, Any] = {
        "name": endpoint.model,
        "display_name": f"{endpoint.model} (local)",
        "max_tokens": endpoint.window,
    }
    if ollama:
        provider, variable = "ollama", "OLLAMA_API_KEY"
        models: dict[str, Any] = {
            "ollama": {"api_url": endpoint.root, "available_models": [entry | {"supports_tools": True}]}
        }
    else:
        provider, variable = PROVIDER, KEY_VARIABLE
        # By default Zed's own, which few local servers know.
        able = {"tools": True, "images": False, "parallel_tool_calls": False, "prompt_cache_key": False}
        served = {"api_url": endpoint.base_url, "available_models": [entry | {"capabilities": able}]}
        models = {"openai_compatible": {PROVIDER: served}}
    chosen = {"provider": provider, "model": endpoint.model}
    settings = {
        "language_models": models,
        "agent": {
            "default_model": chosen,
            "model_parameters": [chosen | {"temperature": endpoint.sampling.temperature}],
        },
    }
    key = {variable: _key(endpoint)} if endpoint.api_key_needed or not ollama else {}
    return [
        Snippet(
            "Zed's settings.json (its command `zed: open settings file`), added to what is there",
            "json",
            as_json(settings),
        ),
        commands(key, "zed .", "of sampling it sends the temperature; the server's own counts for the rest"),
    ]


_TOOLS: dict[Tool, Callable[[Endpoint], list[Snippet]]] = {
    "aider": _aider,
    "openhands": _openhands,
    "continue": _continue,
    "qwen-code": _qwen_code,
    "codex": _codex,
    "zed": _zed,
}


def _extra_sampling(endpoint: Endpoint) -> dict[str, float]:
    """Sampling parameters that OpenAI's API lacks, under the server's names."""
    sampling = endpoint.sampling
    extra: dict[str, float] = {"top_k": sampling.top_k, "min_p": sampling.min_p}
    if sampling.repeat_penalty is not None:
        name = "repetition_penalty" if endpoint.server in {"vLLM", "SGLang"} else "repeat_penalty"
        extra[name] = sampling.repeat_penalty
    return extra


def _key(endpoint: Endpoint) -> str:
    return "YOUR-KEY" if endpoint.api_key_needed else NO_KEY


def _derived_name(endpoint: Endpoint) -> str:
    return f"{endpoint.model}{'-' if ':' in endpoint.model else ':'}ctx{endpoint.window}"


def _modelfile(endpoint: Endpoint, name: str) -> Snippet:
    """The commands that create an Ollama model with its own context window and sampling."""
    sampling = endpoint.sampling
    parameters = {"num_ctx": endpoint.window, "temperature": sampling.temperature, "top_p": sampling.top_p}
    parameters |= _extra_sampling(endpoint)
    rows = [f"FROM {endpoint.model}", *(f"PARAMETER {key} {value}" for key, value in parameters.items())]
    host = re.sub(r"^https?://", "", endpoint.root)
    usual = host in {"127.0.0.1:11434", "localhost:11434"}
    create = f"{'' if usual else f'OLLAMA_HOST={shlex.quote(endpoint.root)} '}ollama create {shlex.quote(name)}"
    text = "cat > Modelfile <<'END'\n" + "\n".join(rows) + f"\nEND\n{create} -f Modelfile\n"
    return Snippet("once: through /v1 Ollama takes no window, so the model gets one of its own", "sh", text)
