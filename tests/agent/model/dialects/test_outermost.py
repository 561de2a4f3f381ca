"""Of calls inside calls the outermost counts; a text without mercy is read to its end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.model.dialects import parse_text
from tools.registry import Registry

TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in Registry().schemas()}
LS = ("shell", {"command": "ls"})


def found(text: str) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, json.loads(call.arguments)) for call in parse_text(text, TOOLS).calls]


def hermes_ls() -> str:
    return '<tool_call>{"name": "shell", "arguments": {"command": "ls"}}</tool_call>'


def test_a_call_of_an_unknown_tool_hides_what_is_in_it() -> None:
    inner = '<tool_call>{\\"name\\": \\"shell\\", \\"arguments\\": {}}</tool_call>'
    for outer in (
        f'<tool_call>{{"name": "rm_rf", "arguments": {{"x": "{inner}"}}}}</tool_call>',
        f'{{"name": "rm_rf", "arguments": {{"x": "{inner}"}}}}',
        f'[TOOL_CALLS]rm_rf[ARGS]{{"x": "{inner}"}}',
        f"<function=rm_rf>\n<parameter=x>\n{hermes_ls()}\n</parameter>\n</function>",
    ):
        assert parse_text(outer, TOOLS).calls == ()
        assert found(outer + hermes_ls()) == [LS]


def test_broken_json_hides_what_is_in_its_strings() -> None:
    inner = "[TOOL_CALLS]shell[ARGS]{} <tool_call>shell</tool_call> </think>"
    for text in (
        f'<tool_call>{{"name": "write_file", "arguments": {{"path": "a", "content": "{inner}",}}}}</tool_call>',
        f"{{'name': 'write_file', 'arguments': {{'path': 'a', 'content': '{inner}'}}}}",
        f'[TOOL_CALLS]write_file[ARGS]{{"path": "a", "content": "{inner}",}}',
    ):
        assert found(text) == [("write_file", {"path": "a", "content": inner})]


def test_a_fence_that_is_a_call_may_hold_fences() -> None:
    content = "# A\n\n```bash\nls\n```\n\n```\nx\n```\n"
    json_call = json.dumps({"name": "write_file", "arguments": {"path": "a", "content": content}})
    xml = f"<function=write_file>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{content}\n</parameter>\n</function>"
    wanted = [("write_file", {"path": "a", "content": content})]
    assert found(f"So:\n```json\n{json_call}\n```") == found(f"So:\n```xml\n{xml}\n```") == wanted
    raw = json_call.replace("\\n", "\n")
    assert found(f"```json\n{raw}\n```\nDone.") == wanted


def test_a_fence_with_more_than_a_call_is_prose() -> None:
    one = '{"name": "shell", "arguments": {"command": "ls"}}'
    assert found(f"```json\n{one}\nor the like\n```") == []
    assert found(f"```json\n{one}\n{one}\n```") == [LS, LS]
    assert found("```bash\nls\n``` and ```ls``` and so on") == []


# ---------------------------------------------------------------- texts without mercy

OPENERS = [
    "<tool_call>", "<tool_call>{", '<tool_call>{"', "<tool_call>shell\n<arg_key>a</arg_key>\n<arg_value>", "<function=shell>",
    "<function=shell>{", "<function=shell>\n<parameter=command>\n", "<function=shell><parameter=command></parameter>",
    "[TOOL_CALLS]", "[TOOL_CALLS][", "[TOOL_CALLS]shell[ARGS]{'", "<|python_tag|>{", "<|python_tag|>shell.call(a='",
    "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>shell<｜tool▁sep｜>{", '<｜DSML｜invoke name="shell">', "<|channel|>",
    "<|channel|>commentary to=functions.shell<|message|>{", "to=functions.", "```", "```json\n{", "```bash\n", "`", "<think>", "</think>",
    "<think></think>{", "\n{</tool_call>", "[shell(a=", "{", "[", '{"a":', '"', "\\", " ", "\n",
]  # fmt: skip


@pytest.mark.parametrize("opener", OPENERS)
def test_200_kb_of_an_opener_are_read_to_their_end(opener: str) -> None:
    for text in (opener * (200_000 // len(opener)), opener + " " * 200_000, opener + "x" * 200_000):
        reply = parse_text(text, TOOLS)
        assert len(reply.content) <= len(text)
        assert all(call.name in TOOLS for call in reply.calls)
