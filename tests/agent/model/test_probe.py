"""What a server is and holds is found out by asking it, whichever server it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest

from agent.errors import BackendRefused, BackendUnreachable
from agent.model.servers import probe as probe_module
from agent.model.servers.probe import Found, probe

OLLAMA = {
    "GET /v1/models": {"object": "list", "data": [{"id": "coder:7b"}, {"id": "other:latest"}]},
    "GET /api/version": {"version": "0.12.0"},
    "POST /api/generate": {"done": True},
    "GET /api/ps": {"models": [{"name": "coder:7b", "context_length": 4096}]},
    "POST /api/show": {"model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768}},
}


class Server(ThreadingHTTPServer):
    """Answers what its table holds (a value, a status, or a list of these, taken in order), else 404."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.table: dict[str, Any] = {}
        self.seen: list[tuple[str, Any, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        key = f"{self.command} {self.path}"
        self.server.seen.append((key, body, self.headers.get("Authorization")))
        found = self.server.table.get(key, 404)
        if isinstance(found, list):
            found = found.pop(0)
        status, text = (found, "no") if isinstance(found, int) else (200, found)
        data = (text if isinstance(text, str) else json.dumps(text)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(url: str, model: str | None = None, key: str = "", said: list[str] | None = None) -> Found:
    return anyio.run(probe, url, key, model, (said if said is not None else []).append)


def test_llama_cpp_tells_the_window_it_holds_and_the_trained_one(server: Server) -> None:
    server.table = {
        "GET /v1/models": {"data": [{"id": "/m/coder.gguf", "meta": {"n_ctx_train": 32768}}]},
        "GET /props": {"default_generation_settings": {"n_ctx": 8192}},
    }
    assert ask(server.url) == Found("llama.cpp", "/m/coder.gguf", 8192, 32768)
    assert ask(server.url + "/", "alias") == Found("llama.cpp", "alias", 8192, 32768)


def test_llama_cpp_that_does_not_know_its_window_says_so(server: Server) -> None:
    server.table = {
        "GET /v1/models": {"data": [{"id": "m", "meta": None}]},
        "GET /props": {"default_generation_settings": {"n_ctx": 0}},
    }
    assert ask(server.url) == Found("llama.cpp", "m")


def test_vllm_tells_the_window_of_the_model_asked_for(server: Server) -> None:
    server.table = {
        "GET /v1/models": {"data": [{"id": "a", "max_model_len": 4096}, {"id": "b", "max_model_len": 131072}]}
    }
    assert ask(server.url) == Found("vLLM", "a", 4096)
    assert ask(server.url, "b") == Found("vLLM", "b", 131072)


def test_ollama_with_a_small_window_is_told_how_to_mend_it(server: Server) -> None:
    server.table = OLLAMA
    said: list[str] = []
    found = ask(server.url, said=said)
    assert (found.server, found.model, found.held, found.trained) == ("Ollama", "coder:7b", 4096, 32768)
    assert "holds 4096 tokens of the 32768" in found.advice
    assert "OLLAMA_CONTEXT_LENGTH=32768 ollama serve" in found.advice
    assert said == ["Ollama is loading coder:7b"]
    sent = [(key, body["model"]) for key, body, _ in server.seen if body]
    assert sent == [("POST /api/generate", "coder:7b"), ("POST /api/show", "coder:7b")]


@pytest.mark.parametrize(("held", "trained", "wanted"), [(8192, 16384, 16384), (4096, 1_000_000, 32768)])
def test_the_advice_for_ollama_is_what_the_model_can_use(server: Server, held: int, trained: int, wanted: int) -> None:
    server.table = OLLAMA | {
        "GET /api/ps": {"models": [{"name": "coder:7b", "context_length": held}]},
        "POST /api/show": {"model_info": {"x.context_length": trained}},
    }
    assert f"OLLAMA_CONTEXT_LENGTH={wanted} " in ask(server.url).advice


@pytest.mark.parametrize(("held", "trained"), [(32768, 131072), (8192, 8192), (65536, 131072)])
def test_ollama_with_enough_of_a_window_needs_no_advice(server: Server, held: int, trained: int) -> None:
    server.table = OLLAMA | {
        "GET /api/ps": {"models": [{"name": "coder:7b", "context_length": held}]},
        "POST /api/show": {"model_info": {"x.context_length": trained}},
    }
    assert ask(server.url) == Found("Ollama", "coder:7b", held, trained)


def test_ollamas_latest_is_meant_where_no_tag_is_given(server: Server) -> None:
    server.table = OLLAMA | {"GET /api/ps": {"models": [{"name": "other:latest", "context_length": 4096}]}}
    found = ask(server.url, "other")
    assert (found.model, found.held) == ("other", 4096) and found.advice


def test_an_ollama_without_models_is_found_all_the_same(server: Server) -> None:
    server.table = OLLAMA | {
        "GET /v1/models": {"object": "list", "data": None},
        "GET /api/ps": {"models": None},
        "POST /api/show": 404,
        "POST /api/generate": 404,
    }
    assert ask(server.url, "coder") == Found("Ollama", "coder")


@pytest.mark.parametrize("models", [404, "<html>", [[]], {"data": [3, "x"]}, {"models": []}, {"data": {}}])
def test_a_server_that_lists_no_models_is_taken_as_it_is(server: Server, models: Any) -> None:
    server.table = {"GET /v1/models": models}
    assert ask(server.url, "m") == Found("generic", "m")


def test_a_generic_server_gives_its_first_model(server: Server) -> None:
    server.table = {"GET /v1/models": {"data": [{"id": "first"}, {"id": "second"}]}}
    assert ask(server.url) == Found("generic", "first")


def test_without_any_name_the_model_is_called_default(server: Server) -> None:
    assert ask(server.url) == Found("generic", "default")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_at_once(server: Server, status: int) -> None:
    server.table = {"GET /v1/models": status}
    with pytest.raises(BackendRefused) as caught:
        ask(server.url, key="wrong")
    assert caught.value.status == status and "API key" in caught.value.hint
    assert server.seen == [("GET /v1/models", None, "Bearer wrong")]


def test_no_key_sends_none(server: Server) -> None:
    ask(server.url)
    assert {given for _, _, given in server.seen} == {None}


def test_a_server_that_loads_its_model_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        assert seconds > 0

    monkeypatch.setattr(probe_module.anyio, "sleep", at_once)
    server.table = {"GET /v1/models": [503, 503, {"data": [{"id": "m", "max_model_len": 4096}]}]}
    said: list[str] = []
    assert ask(server.url, said=said) == Found("vLLM", "m", 4096)
    assert said == ["the model server is loading its model"] * 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "nonsense", "http://[::1/v1"])
def test_where_nothing_answers_is_told_with_the_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(BackendUnreachable) as caught:
        ask(url)
    assert url in caught.value.message and "--base-url" in caught.value.hint


def test_a_port_that_can_not_be_one_is_told() -> None:
    with pytest.raises(BackendUnreachable):
        anyio.run(probe, "http://127.0.0.1:99999/v1", "", None)
