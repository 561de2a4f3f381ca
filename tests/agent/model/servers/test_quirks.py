"""What is one server's own: refusals, progress, leaks, calls with wrong or missing indices and ids."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doubles import (
    GenericDouble,
    LlamaCppDouble,
    LmStudioDouble,
    OllamaDouble,
    SglangDouble,
    VllmDouble,
)
from doubles.faults import Events, Pings
from doubles.talk import (
    ARGUMENTS,
    HI,
    OWN_ID,
    SAMPLING,
    SHELL,
    asked,
    calls,
    opened,
    talk,
)

from agent.errors import (
    BackendError,
    BackendRefused,
    ContextOverflow,
    ReplyUnparsable,
)
from agent.model import client as client_module
from agent.model.dialects import parse_text
from agent.model.servers import probe


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, and for a moment only."""
    monkeypatch.setattr(client_module, "wait_exponential_jitter", lambda **_: lambda _: 0.01)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.2)


def test_llama_cpp_tells_how_far_it_has_read() -> None:
    with LlamaCppDouble("hello") as double:
        talked = talk(double.base_url, asked())
        total = double.prompt_tokens(double.requests[0])
    assert [(wait.done, wait.total) for wait in talked.waits] == [(0, total), (total // 2, total), (total, total)]
    assert talked.reply.timings is not None
    assert (talked.reply.timings.read, talked.reply.timings.generated) == (total, 1)


def test_a_reply_llama_cpp_can_not_parse_is_told_and_works_without_tools() -> None:
    with LlamaCppDouble("hello") as double:
        double.unparsable = 1
        with pytest.raises(ReplyUnparsable):
            talk(double.base_url, asked(tools=[SHELL]))
        assert talk(double.base_url, asked()).reply.content == "hello"


# peers row 41
def test_a_history_llama_cpp_can_not_read_is_not_sent_for_ever() -> None:
    function = {"name": "shell", "arguments": '{"command": '}
    broken = [*HI, {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "function": function}]}]
    with LlamaCppDouble("hello") as double:
        with pytest.raises(BackendError):
            talk(double.base_url, asked(broken, tools=[SHELL]))
        assert len([seen for seen in double.seen if seen.path == "/v1/chat/completions"]) == 1


def test_a_server_that_is_loading_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return

    with LlamaCppDouble("hello") as double:
        double.loading = 3
        with monkeypatch.context() as patched:
            patched.setattr(probe.anyio, "sleep", at_once)
            talked = talk(double.base_url)
        assert len(talked.progress) == 3 and "loading" in talked.progress[0]
        assert talked.server.name == "llama.cpp"


def test_comments_in_a_stream_are_signs_of_life_only() -> None:
    for kind in (LlamaCppDouble, VllmDouble, SglangDouble, LmStudioDouble, GenericDouble):
        with kind(Pings(calls(("shell", '{"command": "ls"}'), content="So:"))) as double:
            reply = talk(double.base_url, asked(tools=[SHELL]), model=double.model).reply
        assert (reply.content, [call.name for call in reply.calls]) == ("So:", ["shell"])


def test_ollama_is_given_objects_and_the_names_of_tools() -> None:
    function = {"name": "shell", "arguments": ARGUMENTS}
    history = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "abc123def", "function": function}]},
        {"role": "tool", "tool_call_id": "abc123def", "content": "a.py"},
    ]
    with OllamaDouble("done") as double:
        assert talk(double.base_url, asked(history, tools=[SHELL])).reply.content == "done"
    *_, said, result = double.requests[-1]["messages"]
    assert said["tool_calls"][0]["function"]["arguments"] == json.loads(ARGUMENTS)
    assert said["content"] == ""
    assert (result["tool_name"], result["content"]) == ("shell", "a.py")


def test_ollama_says_whether_its_model_takes_tools() -> None:
    with OllamaDouble("hello") as double:
        able = opened(double).can.tools
        double.capabilities = ["completion"]
        unable = opened(double).can.tools
    assert (able, unable) == (True, False)


def test_vllm_without_a_parser_refuses_tools_at_once() -> None:
    with VllmDouble("hello", tools_enabled=False) as double:
        with pytest.raises(BackendRefused) as caught:
            talk(double.base_url, asked(tools=[SHELL]))
        assert caught.value.status == 400 and "--enable-auto-tool-choice" in caught.value.message
        assert talk(double.base_url, asked()).reply.content == "hello"


def test_vllm_of_older_versions_tells_an_overflow_too() -> None:
    with VllmDouble("never", window=512) as double:
        double.flat = True
        with pytest.raises(ContextOverflow) as caught:
            talk(double.base_url, asked([{"role": "user", "content": "word " * 600}]))
    assert caught.value.window == 512


def test_sglang_of_older_versions_is_known_too() -> None:
    with SglangDouble("hello", old=True) as double:
        server = opened(double)
    assert (server.name, server.version, server.window.held) == ("SGLang", "0.5.9", 65_536)


def test_calls_lm_studio_leaves_in_the_text_are_kept_there() -> None:
    with LmStudioDouble(calls(("shell", '{"command": "ls"}')), loaded=32_768) as double:
        double.leaks = True
        reply = talk(double.base_url, asked(tools=[SHELL]), model=double.model).reply
    assert reply.calls == ()
    found = parse_text(reply.content, {"shell": SHELL["function"]["parameters"]})  # type: ignore[dict-item]
    assert found is not None
    assert [(call.name, call.arguments) for call in found.calls] == [("shell", '{"command": "ls"}')]


def test_lm_studio_that_says_nothing_to_a_prompt_too_long_is_not_believed() -> None:
    with LmStudioDouble("never", loaded=4096, maximum=4096) as double:
        double.silent = True
        with pytest.raises(BackendError) as caught:
            talk(double.base_url, asked([*HI, {"role": "user", "content": "word " * 5000}]), model=double.model)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("status", [400, 422])
def test_sampling_a_strict_server_refuses_is_left_out_from_then_on(status: int) -> None:
    with GenericDouble("hello") as double:
        double.strict = True
        double.strict_status = status
        talked = talk(double.base_url, asked(sampling=SAMPLING), asked(sampling=SAMPLING))
        taken = double.requests
    assert [reply.content for reply in talked.replies] == ["hello", "hello"]
    assert talked.retries == []
    for body in taken:
        assert not {"top_k", "min_p", "repeat_penalty"} & set(body)
        assert (body["temperature"], body["top_p"]) == (0.7, 0.8)
    asked_in_all = [seen for seen in double.seen if seen.path == "/v1/chat/completions"]
    assert len(asked_in_all) == 3 + 2  # three refusals, once; then none


def piece(index: int | None = None, **more: Any) -> dict[str, Any]:
    """A delta with one piece of a call."""
    function = {name: more.pop(name) for name in ("name", "arguments") if name in more}
    return {"tool_calls": [{**({} if index is None else {"index": index}), **more, "function": function}]}


LS, PWD = ("shell", '{"command": "ls"}'), ("shell", '{"command": "pwd"}')


@pytest.mark.parametrize(
    "deltas",
    [
        [piece(0, id="a", name="shell", arguments=LS[1]), piece(1, id="b", name="shell", arguments=PWD[1])],
        [piece(0, id="a", name="shell", arguments=LS[1]), piece(0, id="b", name="shell", arguments=PWD[1])],
        [piece(None, id="a", name="shell", arguments=LS[1]), piece(None, id="b", name="shell", arguments=PWD[1])],
        [piece(None, name="shell", arguments=LS[1]), piece(None, name="shell", arguments=PWD[1])],
        [piece(0, id="", name="shell", arguments=LS[1]), piece(1, id="", name="shell", arguments=PWD[1])],
        [piece(0, id="a", name="shell", arguments=LS[1]), piece(1, id=None, name="shell", arguments=PWD[1])],
        [piece(3, id="a", name="shell", arguments=LS[1]), piece(7, id="b", name="shell", arguments=PWD[1])],
        [piece(0, id="a", name="shell"), piece(1, id="b", name="shell"), piece(0, arguments=LS[1]), piece(1, arguments=PWD[1])],
        [piece(0, id="a", name="shell"), *(piece(0, arguments=each) for each in LS[1]),
         piece(1, id="b", name="shell"), *(piece(1, arguments=each) for each in PWD[1])],
        [piece(0, id="a", name="shell", arguments=""), *(piece(0, id="a", name="shell", arguments=each) for each in LS[1]),
         *(piece(1, id="b", name="shell", arguments=each) for each in PWD[1])],
        [piece(None, id="a", name="shell"), *(piece(None, arguments=each) for each in LS[1]),
         piece(None, id="b", name="shell"), *(piece(None, arguments=each) for each in PWD[1])],
        [piece(0, id="a", name="shell", arguments=None), piece(0, name=None, arguments=LS[1]),
         piece(1, id="b", name="shell", arguments=None), piece(1, name=None, arguments=PWD[1])],
        [{"tool_calls": [piece(0, id="a", name="shell", arguments=LS[1])["tool_calls"][0],
                         piece(1, id="b", name="shell", arguments=PWD[1])["tool_calls"][0]]}],
    ],
    ids=["as documented", "one index, two ids", "no index", "neither index nor id", "empty ids", "no id after the first",
         "indices with holes", "interleaved", "by the character", "name and id every time", "no index, by the character",
         "nulls", "both in one delta"],
)  # fmt: skip
def test_calls_are_put_together_whatever_index_and_id_say(deltas: list[dict[str, Any]]) -> None:
    with GenericDouble(Events(deltas)) as double:
        reply = talk(double.base_url, asked(tools=[SHELL])).reply
    assert [(call.name, call.arguments) for call in reply.calls] == [LS, PWD]
    assert all(OWN_ID.fullmatch(call.id) for call in reply.calls) and len({call.id for call in reply.calls}) == 2
