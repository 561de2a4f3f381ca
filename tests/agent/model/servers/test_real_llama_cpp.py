"""The real llama.cpp with the real 0.5B model, asked as its double is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from doubles.talk import (
    HI,
    OWN_ID,
    SAMPLING,
    SHELL,
    figures,
    talk,
    with_server,
)

from agent.bundled.server import BundledServer
from agent.errors import (
    ContextOverflow,
)
from agent.model.client import ModelClient
from agent.model.dialects import call_schema, parse_text
from agent.model.servers import Server
from agent.model.types import Reply, Request, Sampling

WINDOW = 2048


@pytest.fixture(scope="module")
def real(real_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the bundled runtime."""
    log: Path = tmp_path_factory.mktemp("real") / "server.log"
    server = BundledServer(real_model, context=WINDOW, parallel=1, log_path=log)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server) as running:
        yield running.base_url


COLD = Sampling(temperature=0.0, top_k=1, seed=1)


def test_real_it_is_found_with_its_window(real: str) -> None:
    server = talk(real, context=WINDOW).server
    assert (server.name, server.model) == ("llama.cpp", "qwen2.5-coder-0.5b-instruct-q4_k_m")
    assert figures(server) == (WINDOW, WINDOW, 32_768)
    assert (server.can.continues, server.can.counts, server.can.reports_cached) == (True, True, True)


def test_real_text_is_streamed_counted_and_timed(real: str) -> None:
    talked = talk(real, Request(HI, 16, sampling=COLD))
    assert talked.reply.content == "".join(talked.text) != ""
    assert len(talked.text) > 1
    assert talked.reply.finish_reason in {"stop", "length"}
    assert 0 < talked.reply.usage.completion_tokens <= 16
    assert talked.reply.timings is not None and talked.reply.timings.generated > 0


def test_real_the_count_is_what_is_read(real: str) -> None:
    async def use(server: Server) -> list[tuple[int | None, int]]:
        found = []
        for tools in ([], [SHELL]):
            counted = await server.count(HI, tools)
            reply = await ModelClient(server).complete(Request(HI, 1, tools, sampling=COLD))
            found.append((counted, reply.usage.prompt_tokens))
        return found

    plain, tooled = with_server(real, use)
    assert plain[0] == plain[1] and tooled[0] == tooled[1]
    assert tooled[0] > plain[0] > 10


def test_real_a_prompt_that_grows_is_read_from_the_cache(real: str) -> None:
    first = Request([*HI, {"role": "user", "content": "Some words to read. " * 40}], 4, sampling=COLD)

    async def use(server: Server) -> tuple[Reply, Reply]:
        client = ModelClient(server)
        before = await client.complete(first)
        said = {"role": "assistant", "content": before.content}
        more = [*first.messages, said, {"role": "user", "content": "Again."}]
        return before, await client.complete(replace(first, messages=more))

    before, after = with_server(real, use)
    assert after.usage.cached_tokens >= 0.9 * before.usage.prompt_tokens
    assert after.usage.prompt_tokens > after.usage.cached_tokens


def test_real_a_begun_reply_goes_on_from_its_beginning(real: str) -> None:
    request = Request([{"role": "user", "content": "Write the numbers from 1 to 9, with spaces."}], 12, sampling=COLD)
    talked = talk(real, replace(request, begun="1 2 3 4"))
    assert talked.reply.content.startswith("1 2 3 4")
    assert talked.reply.content == "1 2 3 4" + "".join(talked.text)
    assert "5" in talked.reply.content and not "".join(talked.text).startswith("1 2 3")


def test_real_a_constrained_reply_is_a_call(real: str) -> None:
    schema = call_schema([SHELL])
    question = [{"role": "user", "content": "List the files. Answer with a call of the tool shell as JSON."}]
    reply = talk(real, Request(question, 200, json_schema=schema, sampling=COLD)).reply
    assert reply.finish_reason == "stop"
    found = parse_text(reply.content, {"shell": SHELL["function"]["parameters"]})  # type: ignore[dict-item]
    assert found is not None
    assert [call.name for call in found.calls] == ["shell"]
    assert isinstance(json.loads(found.calls[0].arguments)["command"], str)
    assert OWN_ID.fullmatch(found.calls[0].id)


def test_real_tools_and_replayed_calls_are_taken(real: str) -> None:
    function = {"name": "shell", "arguments": '{"command":  "ls"}'}
    history = [
        *HI,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "abc123def", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "abc123def", "content": "a.py"},
    ]
    reply = talk(real, Request(history, 16, [SHELL], sampling=COLD)).reply
    assert reply.content or reply.calls
    assert all(OWN_ID.fullmatch(call.id) for call in reply.calls)


def test_real_a_prompt_longer_than_the_window_is_told(real: str) -> None:
    with pytest.raises(ContextOverflow) as caught:
        talk(real, Request([{"role": "user", "content": "word " * 3000}], 4))
    assert caught.value.window == WINDOW


def test_real_progress_of_reading_is_told(real: str) -> None:
    talked = talk(real, Request([{"role": "user", "content": "Read this: " + "some other words. " * 150}], 1))
    told = [(wait.done, wait.total) for wait in talked.waits if wait.total]
    assert told and told[-1][0] == told[-1][1] == talked.reply.usage.prompt_tokens


def test_real_sampling_is_taken(real: str) -> None:
    request = Request([{"role": "user", "content": "Write a word."}], 12, sampling=replace(SAMPLING, temperature=2.0))
    same = talk(real, request, request)
    others = talk(real, *(replace(request, sampling=replace(request.sampling, seed=seed)) for seed in range(1, 5)))
    assert same.replies[0].content == same.replies[1].content  # the seed
    assert len({reply.content for reply in [*others.replies, same.reply]}) > 1
