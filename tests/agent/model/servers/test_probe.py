"""What a server is and holds is found out by asking it, whichever server it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
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
from doubles.base import Exchange

from agent.errors import BackendRefused, BackendUnreachable, ModelUnavailable
from agent.model.servers import Server, Window, open_server
from agent.model.servers import probe as probe_module
from agent.model.servers.base import Capabilities


class Table(Double):
    """Answers what its table holds (a value, a status, or a list of these, taken in order), else 404."""

    def __init__(self) -> None:
        self.table: dict[str, Any] = {}
        super().__init__()

    def handle(self, exchange: Exchange) -> None:
        """By the table."""
        self.seen.append(exchange.seen)
        found = self.table.get(f"{exchange.seen.method} {exchange.seen.path}", 404)
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, int):
            exchange.send(b"no", found)
        elif isinstance(found, str):
            exchange.send(found.encode())
        else:
            exchange.json(found)


@pytest.fixture
def table() -> Iterator[Table]:
    with Table() as running:
        yield running  # type: ignore[misc]


def opened(where: Double | str, model: str | None = None, **how: Any) -> Server:
    """The server at an address, its connection closed again."""

    async def body() -> Server:
        url = where if isinstance(where, str) else where.base_url
        server = await open_server(url, how.pop("key", ""), model, **how)
        await server.close()
        return server

    return anyio.run(body)


def summary(server: Server) -> tuple[str, str, Window]:
    return server.name, server.model, server.window


# ---------------------------------------------------------------- which server, which model, which window


def test_llama_cpp_tells_the_window_it_holds_and_the_trained_one(table: Table) -> None:
    table.table = {
        "GET /v1/models": {"data": [{"id": "/m/coder.gguf", "meta": {"n_ctx_train": 32768}}]},
        "GET /props": {"default_generation_settings": {"n_ctx": 8192}},
    }
    assert summary(opened(table)) == ("llama.cpp", "/m/coder.gguf", Window(8192, None, 32768))
    assert summary(opened(table.base_url + "/", "alias")) == ("llama.cpp", "alias", Window(8192, None, 32768))


# peers row 28
def test_llama_cpp_that_does_not_know_its_window_says_so(table: Table) -> None:
    table.table = {
        "GET /v1/models": {"data": [{"id": "m", "meta": None}]},
        "GET /props": {"default_generation_settings": {"n_ctx": 0}},
    }
    server = opened(table)
    assert (server.name, server.model, server.window.size) == ("llama.cpp", "m", None)


def test_vllm_tells_the_window_of_the_model_asked_for(table: Table) -> None:
    models = [{"id": "a", "max_model_len": 4096}, {"id": "b", "max_model_len": 131072}]
    table.table = {"GET /v1/models": {"data": models}, "GET /version": {"version": "0.21.0"}}
    assert summary(opened(table)) == ("vLLM", "a", Window(4096))
    assert summary(opened(table, "b")) == ("vLLM", "b", Window(131072))


@pytest.mark.parametrize("models", [404, "<html>", {"models": []}, {"data": {}}, {"data": [3, "x"]}, {"data": None}])
def test_a_server_that_lists_no_models_is_taken_as_it_is(table: Table, models: Any) -> None:
    table.table = {"GET /v1/models": models}
    assert summary(opened(table, "m")) == ("generic", "m", Window())


@pytest.mark.parametrize("name", ["max_model_len", "context_length", "context_window", "max_context_length"])
def test_a_generic_server_gives_its_first_model_and_a_window_by_any_common_name(table: Table, name: str) -> None:
    table.table = {"GET /v1/models": {"data": [{"id": "first", name: 9000}, {"id": "second"}]}}
    assert summary(opened(table)) == ("generic", "first", Window(9000))


def test_without_any_name_the_model_is_called_default(table: Table) -> None:
    assert summary(opened(table)) == ("generic", "default", Window())


@pytest.mark.parametrize(
    "double", [LlamaCppDouble, VllmDouble, SglangDouble, LmStudioDouble, OllamaDouble, GenericDouble]
)
def test_the_address_may_lack_its_v1(double: Any) -> None:
    with double() as running:
        urls = (running.base_url, running.root, f"{running.root}/")
        one, other, third = (summary(opened(url, running.model)) for url in urls)
        assert one == other == third
        unnamed = [opened(url).model for url in urls] if double is not LmStudioDouble else []
        assert set(unnamed) <= {running.model}


def test_a_model_of_the_catalogue_is_found_under_the_servers_name_for_it(table: Table) -> None:
    listed = [{"id": "other"}, {"id": "unsloth/Qwen3-Coder-Next-GGUF:Q4_K_M"}]
    table.table = {"GET /v1/models": {"data": listed}}
    assert opened(table, "qwen3-coder-next").model == "unsloth/Qwen3-Coder-Next-GGUF:Q4_K_M"
    assert opened(table, "other").model == "other"
    assert opened(table, "no-such-model-at-all").model == "no-such-model-at-all"


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_at_once(table: Table, status: int) -> None:
    table.table = {"GET /v1/models": status}
    with pytest.raises(BackendRefused) as caught:
        opened(table, key="wrong")
    assert caught.value.status == status and "API key" in caught.value.hint
    assert [(seen.path, seen.headers.get("authorization")) for seen in table.seen] == [("/v1/models", "Bearer wrong")]


def test_no_key_sends_none(table: Table) -> None:
    opened(table)
    assert {seen.headers.get("authorization") for seen in table.seen} == {None}


def test_a_server_that_loads_its_model_is_waited_for(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        assert seconds > 0

    monkeypatch.setattr(probe_module.anyio, "sleep", at_once)
    table.table = {
        "GET /v1/models": [503, 503, {"data": [{"id": "m", "max_model_len": 4096}]}],
        "GET /version": {"version": "1"},
    }
    said: list[str] = []
    assert summary(opened(table, on_progress=said.append)) == ("vLLM", "m", Window(4096))
    assert said == ["the model server is loading its model"] * 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "nonsense", "http://[::1/v1", "ftp://127.0.0.1/v1"])
def test_where_nothing_answers_is_told_with_the_address(url: str) -> None:
    with pytest.raises(BackendUnreachable) as caught:
        opened(url)
    assert url in caught.value.message and "--base-url" in caught.value.hint


def test_a_port_that_can_not_be_one_is_told() -> None:
    with pytest.raises(BackendUnreachable):
        opened("http://127.0.0.1:99999/v1")


# ---------------------------------------------------------------- Ollama: the window is asked for


def test_ollama_with_a_small_window_is_made_to_load_a_larger_one() -> None:
    with OllamaDouble(default_context=4096, trained=262_144) as double:
        double.held = 4096
        said: list[str] = []
        server = opened(double, on_progress=said.append)
    assert summary(server) == ("Ollama", "qwen3-coder-next:latest", Window(32_768, None, 262_144))
    assert double.loads == [32_768]
    assert "4,096" in server.advice and "32,768" in server.advice
    assert any("32,768" in each for each in said)


@pytest.mark.parametrize(
    ("held", "trained", "context", "wanted"),
    [
        (8192, 16384, None, 16384),
        (4096, 1_000_000, None, 32_768),
        (32_768, 131_072, None, 32_768),
        (65_536, 131_072, None, 65_536),
        (8192, 8192, None, 8192),
        (32_768, 131_072, 16_384, 16_384),
        (None, 131_072, 65_536, 65_536),
        (None, 8192, 65_536, 8192),
    ],
)
def test_what_ollama_is_asked_to_hold(held: int | None, trained: int, context: int | None, wanted: int) -> None:
    with OllamaDouble(default_context=4096, trained=trained) as double:
        double.held = held
        server = opened(double, context=context)
        assert double.held == server.window.held == wanted
        assert double.loads == ([] if held == wanted else [wanted])
        assert (server.window.asked, server.window.trained) == (context, trained)
    told = bool(server.advice)
    assert told == ((held is not None and held < wanted) or (context is not None and wanted < context))


def test_ollamas_latest_is_meant_where_no_tag_is_given() -> None:
    with OllamaDouble(model="other:latest") as double:
        assert opened(double, "other").window.held == 32_768
        assert double.pulled == []


def test_an_ollama_without_models_says_what_to_do() -> None:
    with OllamaDouble() as double:
        double.here = []
        with pytest.raises(ModelUnavailable, match="no model yet") as caught:
            opened(double)
        assert "--model" in caught.value.hint
        assert opened(double, "coder:7b").model == "coder:7b"
        assert double.pulled == ["coder:7b"]
        with pytest.raises(ModelUnavailable, match="does not exist"):
            opened(double, "no-such-model")


# ---------------------------------------------------------------- LM Studio: loaded with the window that is wanted


@pytest.mark.parametrize(
    ("loaded", "maximum", "context", "wanted"),
    [
        (None, 262_144, None, 32_768),
        (None, 8192, None, 8192),
        (None, 262_144, 65_536, 65_536),
        (4096, 262_144, None, 32_768),
        (65_536, 262_144, None, 65_536),
        (65_536, 262_144, 16_384, 65_536),
        (4096, 8192, 65_536, 8192),
    ],
)
def test_what_lm_studio_is_asked_to_hold(loaded: int | None, maximum: int, context: int | None, wanted: int) -> None:
    with LmStudioDouble(loaded=loaded, maximum=maximum) as double:
        server = opened(double, double.model, context=context)
        assert double.loaded == server.window.held == wanted
        bodies = [seen.body for seen in double.seen if seen.path == "/api/v1/models/load"]
        assert bodies == ([] if loaded == wanted else [{"model": double.model, "context_length": wanted}])
    assert (server.window.asked, server.window.trained) == (context, maximum)


def test_an_lm_studio_that_does_not_load_says_how_to_do_it_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LmStudioDouble.routes, ("POST", "/api/v1/models/load"))

    class Broken(LmStudioDouble):
        def not_found(self, exchange: Exchange) -> None:
            """An error with its status."""
            exchange.json({"error": "out of memory"}, 500)

    with Broken() as double:
        with pytest.raises(ModelUnavailable, match="did not load") as caught:
            opened(double, double.model)
        assert f"lms load {double.model} -c 32768" in caught.value.hint


# ---------------------------------------------------------------- advice: one line, with what to run


@pytest.mark.parametrize(
    ("double", "remedy"),
    [
        (LlamaCppDouble, "--ctx-size 16384"),
        (VllmDouble, "--max-model-len 16384"),
        (SglangDouble, "--context-length 16384"),
    ],
)
def test_less_than_was_asked_for_is_told_with_what_to_run(double: Any, remedy: str) -> None:
    with double(window=8192) as running:
        server = opened(running, context=16_384)
    assert "8,192" in server.advice and "16,384 were asked for" in server.advice and remedy in server.advice
    assert "\n" not in server.advice
    assert server.window.size == 8192


@pytest.mark.parametrize(
    ("held", "trained", "told"),
    [(8192, 262_144, "32768"), (40_000, 262_144, "80000"), (8192, 12_000, "12000"), (200_000, 262_144, "262144")],
)
def test_less_than_the_models_own_is_told_with_a_step_that_helps(held: int, trained: int, told: str) -> None:
    with LlamaCppDouble(window=held, trained=trained) as double:
        advice = opened(double).advice
    assert f"{held:,}" in advice and f"{trained:,}" in advice
    assert f"--ctx-size {told}" in advice


@pytest.mark.parametrize(
    ("held", "trained", "context"), [(32_768, 32_768, None), (65_536, 262_144, 65_536), (8192, 8192, None)]
)
def test_a_window_that_is_as_it_should_be_needs_no_advice(held: int, trained: int, context: int | None) -> None:
    with LlamaCppDouble(window=held, trained=trained) as double:
        assert opened(double, context=context).advice == ""


@pytest.mark.parametrize("double", [VllmDouble, SglangDouble])
def test_where_the_trained_window_is_not_told_enough_is_enough(double: Any) -> None:
    with double(window=32_768) as running:
        assert opened(running).advice == ""
    with double(window=16_384) as running:
        assert "32768" in opened(running).advice


# ---------------------------------------------------------------- what it says it can


@pytest.mark.parametrize(
    ("double", "can"),
    [
        (LlamaCppDouble, Capabilities(True, "json_schema", True, True, True)),
        (VllmDouble, Capabilities(None, "structured_outputs", True, True, True)),
        (lambda: SglangDouble(report=True), Capabilities(None, "json_schema", True, False, True)),
        (SglangDouble, Capabilities(None, "json_schema", True, False, False)),
        (lambda: LmStudioDouble(model="allenai/olmo-3-7b"), Capabilities(True, "json_schema")),
        (OllamaDouble, Capabilities(True, "format", True)),
        (GenericDouble, Capabilities()),
    ],
    ids=["llama.cpp", "vLLM", "SGLang with its report", "SGLang", "LM Studio", "Ollama", "generic"],
)
def test_what_a_server_says_it_can(double: Any, can: Capabilities) -> None:
    with double() as running:
        assert opened(running).can == can
