"""Finds out which server and which model are at a URL, by its answers and never by its port."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import anyio

from agent.catalogue.profiles import GENERIC, find_profile
from agent.errors import BackendRefused, BackendUnreachable
from agent.model.http import PROBE_SECONDS, open_http
from agent.model.servers.base import NO_MODEL, Address, OnProgress, Server
from agent.model.servers.generic import Generic
from agent.model.servers.llama_cpp import LlamaCpp
from agent.model.servers.lm_studio import LmStudio
from agent.model.servers.ollama import Ollama
from agent.model.servers.sglang import Sglang
from agent.model.servers.vllm import Vllm

LOADING_SECONDS = 600.0
"""How long a server that answers 503 while it loads its model is waited for."""
# In this order: llama.cpp and SGLang answer some of Ollama's endpoints too.
KINDS: tuple[type[Server], ...] = (LlamaCpp, Vllm, Sglang, LmStudio, Ollama, Generic)


async def open_server(
    base_url: str,
    api_key: str = "",
    model: str | None = None,
    *,
    context: int | None = None,
    kind: type[Server] | None = None,
    load: bool = True,
    on_progress: OnProgress = lambda _: None,
) -> Server:
    """The server at `base_url` (with or without its `/v1`), its model loaded where it has an endpoint for that.

    `model` is a name at the server or in the catalogue; None is the loaded model, else the first that the server lists.
    `context` is the window to ask for, in tokens; `kind` is the kind of server, where it is known; without `load`
    nothing is changed at the server. The caller closes it.

    Raises `BackendUnreachable` within 10 s when nothing answers, `BackendRefused` when it refuses the key,
    `ModelUnavailable` when it can't load the model.
    """
    base = base_url.rstrip("/")
    address = Address(base, open_http(base, api_key))
    try:
        listed = await _listed(address, on_progress)
        if listed is None and not base.endswith("/v1"):
            below = Address(f"{base}/v1", address.http)
            if (found := await _listed(below, on_progress)) is not None:
                address, listed = below, found
        listed = listed or []
        entry = _choose(listed, model)
        name = (
            str(entry["id"])
            if entry and (model is None or _is_same_model(str(entry["id"]), model))
            else model or NO_MODEL
        )
        server = await _recognise(address, name, entry or (listed[0] if listed else {}), [kind] if kind else KINDS)
        if model is None:
            server.model = await server.running() or server.model
        await (server.load(context, on_progress) if load else server.inspect())
    except BaseException:
        with anyio.CancelScope(shield=True):
            await address.http.aclose()
        raise
    return server


async def _recognise(address: Address, model: str, entry: dict[str, Any], kinds: Sequence[type[Server]]) -> Server:
    for kind in kinds:
        server = await kind.recognise(address, model, entry)
        if server is not None:
            return server
    raise BackendUnreachable(f"{address.base_url} does not answer as a model server does")


def _choose(listed: Sequence[dict[str, Any]], model: str | None) -> dict[str, Any] | None:
    """The entry of a model: by its name, else one with the same profile in the catalogue."""
    if model is None:
        return listed[0] if listed else None
    for wanted in (model, f"{model}:latest"):
        for entry in listed:
            if entry["id"] == wanted:
                return entry
    profile = find_profile(model)
    if profile.name == GENERIC:
        return None
    return next((entry for entry in listed if find_profile(str(entry["id"])) is profile), None)


def _is_same_model(listed: str, model: str) -> bool:
    """Whether a listed name is the model that was asked for."""
    return listed in {model, f"{model}:latest"} or find_profile(listed) is find_profile(model)


async def _listed(address: Address, on_progress: OnProgress) -> list[dict[str, Any]] | None:
    """The server's list of models, None where it has none; waits while it answers that it is loading one."""
    import httpx2

    deadline = time.monotonic() + LOADING_SECONDS
    url = f"{address.base_url}/models"
    while True:
        try:
            answer = await address.http.get(url, timeout=PROBE_SECONDS)
        except (httpx2.TimeoutException, httpx2.ConnectError, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise BackendUnreachable(
                f"no model server answers at {address.base_url}: {str(error) or type(error).__name__}",
                hint="is it running, and is --base-url right?",
            ) from error
        except (ExceptionGroup, OverflowError) as error:  # a port that can't be one
            message = f"{address.base_url} is no address of a server"
            raise BackendUnreachable(message, hint="is --base-url right?") from error
        except httpx2.HTTPError:  # something answers, if not as expected: a request will show
            return None
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
    if answer.status_code != 200:
        return None
    try:
        data = answer.json().get("data") or []  # Ollama without models says null
    except (ValueError, AttributeError):
        return None
    return [each for each in data if isinstance(each, dict) and "id" in each]
