"""Every server class against the same checks, each on the double of its server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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
from doubles.faults import Cut, Endless, ErrorInStream, Resplit, Unfinished, Whole
from doubles.talk import (
    ARGUMENTS,
    HI,
    OWN_ID,
    SAMPLING,
    SCHEMA,
    SHELL,
    asked,
    calls,
    talk,
    with_server,
)

from agent.errors import (
    BackendRefused,
    ContextOverflow,
)
from agent.model import client as client_module
from agent.model.client import ModelClient
from agent.model.servers import Server


@dataclass(frozen=True)
class Kind:
    """A kind of server: its double, and what is its own on the wire."""

    name: str
    double: Callable[..., Double]
    constrained: Callable[[dict[str, Any]], Any]
    repeat_penalty: str = "repeat_penalty"
    model: str | None = None


def by_response_format(body: dict[str, Any]) -> Any:
    return body["response_format"]["json_schema"]["schema"]


KINDS = {
    "llama.cpp": Kind("llama.cpp", LlamaCppDouble, by_response_format),
    "Ollama": Kind("Ollama", OllamaDouble, lambda body: body["format"]),
    "vLLM": Kind("vLLM", VllmDouble, lambda body: body["structured_outputs"]["json"], "repetition_penalty"),
    "SGLang": Kind("SGLang", SglangDouble, by_response_format, "repetition_penalty"),
    "LM Studio": Kind("LM Studio", LmStudioDouble, by_response_format, model="qwen/qwen3-coder-next"),
    "generic": Kind("generic", GenericDouble, by_response_format),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, and for a moment only."""
    monkeypatch.setattr(client_module, "wait_exponential_jitter", lambda **_: lambda _: 0.01)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.2)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of server."""
    return KINDS[request.param]


@pytest.fixture
def double(kind: Kind) -> Iterator[Any]:
    """Its double."""
    with kind.double() as running:
        yield running


def test_it_is_found_by_asking(kind: Kind, double: Any) -> None:
    double.answers = ["hello"]
    talked = talk(double.base_url, asked(), model=kind.model)
    assert talked.server.name == kind.name
    assert talked.server.model == double.model
    assert talked.server.window.size is not None or kind.name == "generic"


def test_the_key_goes_with_every_request(kind: Kind, double: Any) -> None:
    double.api_key = "secret-of-the-user"
    double.answers = ["hello"]
    assert talk(double.base_url, asked(), api_key="secret-of-the-user", model=kind.model).reply.content == "hello"
    with pytest.raises(BackendRefused) as caught:
        talk(double.base_url, asked(), api_key="wrong", model=kind.model)
    assert (caught.value.status, caught.value.hint) == (401, "is the API key right?")


def test_text_comes_as_a_stream_and_whole(kind: Kind, double: Any) -> None:
    double.answers = ["Hello, wörld 🦉: this is one reply."]
    talked = talk(double.base_url, asked(), model=kind.model)
    assert talked.reply.content == "".join(talked.text) == "Hello, wörld 🦉: this is one reply."
    assert len(talked.text) > 3
    assert (talked.reply.finish_reason, talked.reply.calls) == ("stop", ())
    assert talked.reply.usage.prompt_tokens == double.prompt_tokens(double.requests[-1]) > 10
    assert talked.reply.usage.completion_tokens > 3


def test_tools_are_passed_on_and_calls_come_back_with_ids_of_our_own(kind: Kind, double: Any) -> None:
    double.answers = [calls(("shell", ARGUMENTS), ("shell", '{"command": "pwd"}'), content="So:")]
    reply = talk(double.base_url, asked(tools=[SHELL]), model=kind.model).reply
    assert double.requests[-1]["tools"] == [SHELL]
    assert [call.name for call in reply.calls] == ["shell", "shell"]
    assert [json.loads(call.arguments) for call in reply.calls] == [json.loads(ARGUMENTS), {"command": "pwd"}]
    assert kind.name == "Ollama" or reply.calls[0].arguments == ARGUMENTS  # Ollama gives objects, the others strings
    assert all(OWN_ID.fullmatch(call.id) for call in reply.calls)
    assert len({call.id for call in reply.calls}) == 2
    assert reply.content == "So:"


def test_reasoning_is_kept_apart(kind: Kind, double: Any) -> None:
    double.answers = [{"reasoning": "I think of a greeting.", "content": "Hello."}]
    talked = talk(double.base_url, asked(), model=kind.model)
    assert (talked.reply.reasoning, talked.reply.content) == ("I think of a greeting.", "Hello.")
    assert "".join(talked.text) == "Hello."


def test_a_reply_cut_at_its_limit_says_so(kind: Kind, double: Any) -> None:
    double.answers = [{"content": "Hello, and", "finish": "length"}]
    assert talk(double.base_url, asked(), model=kind.model).reply.finish_reason == "length"


def test_sampling_really_goes_over_the_wire(kind: Kind, double: Any) -> None:
    double.answers = ["hello"]
    talk(double.base_url, asked(sampling=SAMPLING), model=kind.model)
    body = double.requests[-1]
    said = body.get("options", body)
    wanted = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.05, kind.repeat_penalty: 1.05, "seed": 7}
    assert {name: said.get(name) for name in wanted} == wanted
    assert said.get("max_tokens", said.get("num_predict")) == 64


def test_a_constrained_request_has_the_servers_own_form(kind: Kind, double: Any) -> None:
    double.answers = ['{"command": "ls"}']
    talked = talk(double.base_url, asked(json_schema=SCHEMA), model=kind.model)
    assert kind.constrained(double.requests[-1]) == SCHEMA
    assert talked.server.can.constrain
    assert json.loads(talked.reply.content) == {"command": "ls"}


def test_a_begun_reply_is_continued_and_given_whole(kind: Kind, double: Any) -> None:
    double.answers = ['{"name": 1}\n```', '```json\n{"name": 1}\n```']  # some servers repeat the beginning, most don't
    request = asked(begun="```json\n")
    talked = talk(double.base_url, request, request, model=kind.model)
    if talked.server.can.continues:
        assert double.requests[-1]["messages"] == [*HI, {"role": "assistant", "content": "```json\n"}]
    assert [reply.content for reply in talked.replies] == ['```json\n{"name": 1}\n```'] * 2


def test_the_prompt_only_grows_and_nothing_is_loaded_again(kind: Kind, double: Any) -> None:
    double.answers = [calls(("shell", ARGUMENTS)), "done", "hello"]
    said = talk(double.base_url, asked(tools=[SHELL]), model=kind.model).reply
    call = said.calls[0]
    function = {"name": call.name, "arguments": call.arguments}
    history = [
        *HI,
        {"role": "assistant", "content": "", "tool_calls": [{"id": call.id, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call.id, "content": "a.py\nb.py"},
    ]
    longer = [*history, {"role": "assistant", "content": "done"}, {"role": "user", "content": "And now?"}]
    talk(double.base_url, asked(history, tools=[SHELL]), asked(longer, tools=[SHELL]), model=kind.model)
    first, second, third = (json.dumps(body["messages"])[:-1] for body in double.requests)
    assert second.startswith(first) and third.startswith(second)
    if kind.name == "Ollama":
        assert {body["options"]["num_ctx"] for body in double.requests} == {32_768}
    else:
        assert json.dumps(call.arguments) in second  # the model's own string, byte for byte
    assert len(getattr(double, "loads", [])) <= 1
    assert len({json.dumps(body["tools"]) for body in double.requests}) == 1


def test_a_prompt_longer_than_the_window_is_told_as_such(kind: Kind, double: Any) -> None:
    if kind.name == "Ollama":
        double.trained = 4096
    elif kind.name == "LM Studio":
        double.maximum = 4096
    else:
        double.window = 4096
    double.answers = ["never said"]
    request = asked([*HI, {"role": "user", "content": "some words " * 3000}])
    with pytest.raises(ContextOverflow) as caught:
        talk(double.base_url, request, model=kind.model)
    assert caught.value.exit_code == 3
    assert caught.value.window == (None if kind.name == "Ollama" else 4096)  # whose error has no figure
    assert "never said" not in caught.value.message


@pytest.mark.parametrize("how", ["cut", "closed", "reset"])
@pytest.mark.parametrize("mid", [False, True], ids=["between events", "within one"])
def test_nothing_of_a_stream_that_broke_is_used(kind: Kind, double: Any, how: str, mid: bool) -> None:
    whole = calls(("shell", '{"command": "ls"}'), content="I will look at it:")
    double.answers = [Cut(calls(("shell", '{"command": "rm -rf /"}'), content="Now look:"), 3, how, mid), whole]
    talked = talk(double.base_url, asked(tools=[SHELL]), model=kind.model)
    assert [call.arguments for call in talked.reply.calls] == ['{"command": "ls"}']
    assert talked.reply.content == "I will look at it:"
    assert (len(double.requests), len(talked.retries)) == (2, 1)


def test_a_stream_without_an_end_is_asked_for_again(kind: Kind, double: Any) -> None:
    double.answers = [Unfinished("rm -rf"), "hello"]
    talked = talk(double.base_url, asked(), model=kind.model)
    assert talked.reply.content == "hello" and len(talked.retries) == 1


def test_an_error_under_way_is_no_reply(kind: Kind, double: Any) -> None:
    double.answers = [ErrorInStream("the slot was lost"), "hello"]
    talked = talk(double.base_url, asked(), model=kind.model)
    assert talked.reply.content == "hello"
    assert "the slot was lost" in talked.retries[0]


@pytest.mark.parametrize("size", [1, 3, 7, 64, 4096])
def test_where_the_network_cuts_a_stream_does_not_matter(kind: Kind, double: Any, size: int) -> None:
    double.answers = [Resplit(calls(("shell", '{"command": "ls é🦉"}'), content="wörld"), size)]
    reply = talk(double.base_url, asked(tools=[SHELL]), model=kind.model).reply
    assert reply.content == "wörld"
    assert [json.loads(call.arguments) for call in reply.calls] == [{"command": "ls é🦉"}]


def test_a_server_that_does_not_stream_is_read_too(kind: Kind, double: Any) -> None:
    double.answers = [Whole(calls(("shell", '{"command": "ls"}'), content="So:"))]
    reply = talk(double.base_url, asked(tools=[SHELL]), model=kind.model).reply
    assert (reply.content, [json.loads(call.arguments) for call in reply.calls]) == ("So:", [{"command": "ls"}])
    assert OWN_ID.fullmatch(reply.calls[0].id)


def test_repetition_without_end_is_cut_asked_for_again_and_the_server_let_go(kind: Kind, double: Any) -> None:
    endless = Endless()
    double.answers = [endless, "hello"]
    talked = talk(double.base_url, asked(sampling=SAMPLING), model=kind.model)
    assert talked.reply.content == "hello"
    assert endless.stopped.wait(10)  # nobody listens any more, so the server can stop generating
    assert "repeats itself" in talked.retries[0]


def test_what_the_server_counts_is_what_it_says_it_read(kind: Kind, double: Any) -> None:
    double.answers = ["hello"]

    async def use(server: Server) -> tuple[bool, int | None, int]:
        counted = await server.count(HI, [SHELL])
        reply = await ModelClient(server).complete(asked(tools=[SHELL]))
        return server.can.counts, counted, reply.usage.prompt_tokens

    counts, counted, read = with_server(double.base_url, use, model=kind.model)
    assert counted == (read if counts else None)


def test_tokens_of_the_cache_are_told_where_the_server_does(kind: Kind, double: Any) -> None:
    if isinstance(double, (VllmDouble, SglangDouble)):
        double.reports_cached = True
    double.answers = ["hello"]
    more = [*HI, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "Again."}]
    talked = talk(double.base_url, asked(), asked(more), model=kind.model)
    first, second = (reply.usage for reply in talked.replies)
    assert first.cached_tokens == 0
    if talked.server.can.reports_cached:
        assert first.prompt_tokens <= second.cached_tokens < second.prompt_tokens
    else:
        assert second.cached_tokens == 0


def test_a_proxy_of_the_environment_is_not_asked(kind: Kind, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    double.answers = ["hello"]
    assert talk(double.base_url, asked(), model=kind.model).reply.content == "hello"
