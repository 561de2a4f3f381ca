"""What is behind a URL, found out by asking: which server, which model, which window."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from agent.errors import BackendRefused, BackendUnreachable

if TYPE_CHECKING:
    import httpx2

_PROBE_SECONDS = 10.0
_LOADING_SECONDS = 600.0


@dataclass(frozen=True)
class Found:
    """A server. `held` and `trained` are windows in tokens, None where the server doesn't tell."""

    server: str
    model: str
    held: int | None = None
    trained: int | None = None
    advice: str = ""


async def probe(
    base_url: str, api_key: str, model: str | None, on_progress: Callable[[str], None] = lambda _: None
) -> Found:
    """Ask the server at `base_url` (which ends in `/v1`, usually) what it is.

    `model` None is the first it names. Raises `BackendUnreachable` within 10 s when nothing answers, and
    `BackendRefused` when it refuses the key.
    """
    import httpx2

    base = base_url.rstrip("/")
    root = base.removesuffix("/v1")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = httpx2.Timeout(_PROBE_SECONDS, connect=5.0)
    async with httpx2.AsyncClient(headers=headers, timeout=timeout, follow_redirects=False) as client:
        try:
            listed = await _models(client, base, on_progress)
        except (httpx2.TimeoutException, httpx2.ConnectError, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            detail = str(error) or type(error).__name__
            raise BackendUnreachable(
                f"no model server answers at {base_url}: {detail}",
                hint="is it running, and is --base-url right?",
            ) from error
        except (ExceptionGroup, OverflowError) as error:  # a port that can't be one
            raise BackendUnreachable(f"{base_url} is no address of a server", hint="is --base-url right?") from error
        except httpx2.HTTPError:  # something answers, if not as expected: a request will show
            listed = []
        entry = next((each for each in listed if each.get("id") == model), listed[0] if listed else {})
        name = model or str(entry.get("id") or "default")
        props = await _json(client, "GET", f"{root}/props")
        settings = props.get("default_generation_settings") if props else None
        if isinstance(settings, dict) and isinstance(settings.get("n_ctx"), int):
            meta = entry.get("meta") or {}
            return Found("llama.cpp", name, settings["n_ctx"] or None, meta.get("n_ctx_train"))
        version = await _json(client, "GET", f"{root}/api/version")
        if version and "version" in version:
            return await _ollama(client, root, name, on_progress)
        if isinstance(entry.get("max_model_len"), int):
            return Found("vLLM", name, entry["max_model_len"])
    return Found("generic", name)


async def _models(client: httpx2.AsyncClient, base: str, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """The models the server names; waits while it says that it is loading one."""
    deadline = time.monotonic() + _LOADING_SECONDS
    while True:
        answer = await client.get(f"{base}/models")
        if answer.status_code in {401, 403}:
            raise BackendRefused(
                f"the model server answered {answer.status_code}",
                status=answer.status_code,
                hint="is the API key right?",
            )
        if answer.status_code != 503 or time.monotonic() > deadline:
            break
        on_progress("the model server is loading its model")
        await anyio.sleep(1.0)
    try:
        data = answer.json().get("data") or []  # Ollama without models says null
    except (ValueError, AttributeError):
        return []
    return [each for each in data if isinstance(each, dict)]


async def _json(client: httpx2.AsyncClient, method: str, url: str, body: Any = None) -> dict[str, Any] | None:
    """A JSON object, or None for anything else: a server that lacks this address is not broken."""
    import httpx2

    try:
        answer = await client.request(method, url, json=body)
        found = answer.json() if answer.status_code == 200 else None
    except (httpx2.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None


async def _ollama(client: httpx2.AsyncClient, root: str, model: str, on_progress: Callable[[str], None]) -> Found:
    """Ollama's own figures: the window a loaded model holds (`/api/ps`), the trained one (`/api/show`)."""
    on_progress(f"Ollama is loading {model}")
    client.timeout = 600.0
    await _json(client, "POST", f"{root}/api/generate", {"model": model, "keep_alive": "1h"})
    running = await _json(client, "GET", f"{root}/api/ps") or {}
    names = {model, f"{model}:latest"}
    held = next((each.get("context_length") for each in running.get("models") or [] if each.get("name") in names), None)
    shown = await _json(client, "POST", f"{root}/api/show", {"model": model}) or {}
    info = shown.get("model_info") or {}
    trained = next((value for key, value in info.items() if key.endswith(".context_length")), None)
    advice = ""
    if held and trained and held < min(trained, 32768):
        wanted = min(trained, 32768)
        advice = (
            f"Ollama holds {held} tokens of the {trained} that {model} was trained for, and drops the rest of a "
            f"longer prompt without a word; restart it with OLLAMA_CONTEXT_LENGTH={wanted} ollama serve"
        )
    return Found("Ollama", model, held, trained, advice)
