"""Calls are found in the text of a reply in every way models write them, and nowhere else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.dialects import TextCalls, arguments_json, parse_text
from tools.registry import Registry

SCHEMAS = Registry().schemas()
TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in SCHEMAS}

SHELL = {"name": "shell", "arguments": {"command": "ls -l"}}
README = "# Title\n\n```bash\npip install x\n```\n\n<b>&amp;</b>\n"
WRITE = {"name": "write_file", "arguments": {"path": "README.md", "content": README}}


def found(text: str) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, json.loads(call.arguments)) for call in parse_text(text, TOOLS).calls]


def xml(name: str, **arguments: object) -> str:
    parameters = "\n".join(f"<parameter={key}>\n{value}\n</parameter>" for key, value in arguments.items())
    return f"<tool_call>\n<function={name}>\n{parameters}\n</function>\n</tool_call>"


def hermes(*calls: object) -> str:
    return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


# ---------------------------------------------------------------- each dialect


def test_hermes_calls_are_read_with_the_text_before_them() -> None:
    reply = parse_text(f"I look around.\n{hermes(SHELL, WRITE)}", TOOLS)
    assert (reply.dialect, reply.content) == ("hermes", "I look around.")
    assert [(call.name, json.loads(call.arguments)) for call in reply.calls] == [
        ("shell", SHELL["arguments"]),
        ("write_file", WRITE["arguments"]),
    ]


def test_a_hermes_call_cut_before_its_end_tag_is_read() -> None:
    assert found(f"<tool_call>{json.dumps(SHELL)}") == [("shell", {"command": "ls -l"})]
    assert len(found(f"<tool_call>{json.dumps(SHELL)}\n<tool_call>{json.dumps(SHELL)}</tool_call>")) == 2


def test_qwen3_coder_calls_are_read_with_types_by_the_schema() -> None:
    text = xml("read_file", path="a.py", start_line=3) + xml(
        "edit_file", path="1", old="2", new="3", replace_all="True"
    )
    reply = parse_text(f"So:\n{text}", TOOLS)
    assert (reply.dialect, reply.content) == ("qwen3-coder", "So:")
    assert found(text) == [
        ("read_file", {"path": "a.py", "start_line": 3}),
        ("edit_file", {"path": "1", "old": "2", "new": "3", "replace_all": True}),
    ]


def test_qwen3_coder_strings_keep_their_blanks_but_for_one_line_break_at_each_end() -> None:
    ((_, arguments),) = found(xml("write_file", path="a.py", content="\n    def f(self):\n        pass\n"))
    assert arguments["content"] == "\n    def f(self):\n        pass\n"


def test_a_qwen3_coder_call_without_tags_around_or_end_tags_is_read() -> None:
    assert found("<function=shell><parameter=command>ls</parameter></function>") == [("shell", {"command": "ls"})]
    assert found("<function=shell>\n<parameter=command>\nls\n") == [("shell", {"command": "ls"})]


def test_a_value_that_is_no_json_stays_text() -> None:
    assert found(xml("read_file", path="a", start_line=" ten ")) == [("read_file", {"path": "a", "start_line": "ten"})]
    assert found(xml("run_tests", timeout_seconds="None")) == [("run_tests", {"timeout_seconds": None})]


@pytest.mark.parametrize("text", [json.dumps(SHELL), f" \n{json.dumps(SHELL, indent=2)}\n", json.dumps([SHELL])])
def test_json_alone_is_a_call(text: str) -> None:
    reply = parse_text(text, TOOLS)
    assert (reply.dialect, reply.content) == ("json", "")
    assert found(text) == [("shell", {"command": "ls -l"})]


@pytest.mark.parametrize("language", ["json", "", "tool_call", "JSON"])
def test_json_in_the_only_fence_is_a_call(language: str) -> None:
    reply = parse_text(f"Let me see.\n```{language}\n{json.dumps(SHELL)}\n```\nDone.", TOOLS)
    assert (reply.dialect, reply.content) == ("json fence", "Let me see.")
    assert reply.calls[0].name == "shell"


@pytest.mark.parametrize("call", [xml("shell", command="ls -l"), hermes(SHELL)])
def test_a_tagged_call_in_the_only_fence_is_read(call: str) -> None:
    reply = parse_text(f"```xml\n{call}\n```", TOOLS)
    assert reply.dialect == "fenced call"
    assert found(f"```xml\n{call}\n```") == [("shell", {"command": "ls -l"})]


@pytest.mark.parametrize("language", ["bash", "sh", "shell"])
def test_the_only_bash_fence_is_a_shell_call(language: str) -> None:
    reply = parse_text(f"First:\n```{language}\ncd src\nls\n```", TOOLS)
    assert (reply.dialect, reply.content) == ("bash fence", "First:")
    assert json.loads(reply.calls[0].arguments) == {"command": "cd src\nls"}


def test_a_bash_fence_is_prose_where_there_is_no_shell() -> None:
    assert parse_text("```bash\nls\n```", {"submit": TOOLS["submit"]}).calls == ()


def in_tags(value: object) -> str:
    return f"<tool_call>\n{json.dumps(value)}\n</tool_call>"


@pytest.mark.parametrize(
    "value",
    [
        {"name": "shell", "parameters": {"command": "ls -l"}},
        {"tool": "shell", "args": {"command": "ls -l"}},
        {"function": "shell", "arguments": {"command": "ls -l"}},
        {"type": "function", "function": {"name": "shell", "arguments": '{"command": "ls -l"}'}},
        {"name": "shell", "arguments": '{"command": "ls -l"}'},
    ],
)
def test_the_names_of_a_calls_parts_vary(value: dict[str, Any]) -> None:
    (call,) = parse_text(in_tags(value), TOOLS).calls
    assert (call.name, json.loads(call.arguments)) == ("shell", {"command": "ls -l"})


@pytest.mark.parametrize("value", [None, 3, "shell", [], {}, {"name": 3}, {"name": "shell", "arguments": [1]}])
def test_what_is_no_call_is_none(value: object) -> None:
    assert parse_text(in_tags(value), TOOLS).calls == ()


def test_ids_are_nine_letters_and_digits_and_differ() -> None:
    ids = [call.id for call in parse_text(hermes(SHELL, SHELL), TOOLS).calls]
    assert all(re.fullmatch(r"[A-Za-z0-9]{9}", each) for each in ids) and len(set(ids)) == 2


# ---------------------------------------------------------------- code in a call


@pytest.mark.parametrize(
    "text",
    [
        hermes(WRITE),
        xml("write_file", path="README.md", content=README),
        json.dumps(WRITE),
        json.dumps(WRITE) + "\n",
        json.dumps(WRITE, indent=2),
    ],
    ids=["hermes", "xml", "json", "json line", "json indented"],
)
def test_a_fence_inside_a_call_is_part_of_it(text: str) -> None:
    assert found(text) == [("write_file", WRITE["arguments"])]


def test_tags_inside_the_strings_of_a_json_call_mean_nothing() -> None:
    call = {"name": "write_file", "arguments": {"path": "a", "content": f"<think> {xml('shell', command='ls')}"}}
    assert found(json.dumps(call)) == [("write_file", call["arguments"])]


def test_text_that_is_not_ascii_stays_as_it_is() -> None:
    (call,) = parse_text('{"name": "submit", "arguments": {"summary": "漢é"}}', TOOLS).calls
    assert call.arguments == '{"summary": "漢é"}'


# ---------------------------------------------------------------- what is not taken


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "rm_rf", "arguments": {}}</tool_call>',
        xml("rm_rf", command="x"),
        '{"name": "rm_rf", "arguments": {}}',
        '```json\n{"name": "rm_rf", "arguments": {}}\n```',
        '[{"name": "shell", "arguments": {"command": "ls"}}, {"name": "rm_rf", "arguments": {}}]',
    ],
)
def test_calls_of_unknown_tools_are_not_taken(text: str) -> None:
    assert parse_text(text, TOOLS) == TextCalls(content=text)


@pytest.mark.parametrize("call", [hermes(SHELL), xml("shell", command="ls"), "```bash\nls\n```"])
def test_calls_in_thoughts_are_not_taken(call: str) -> None:
    assert parse_text(f"<think>Perhaps {call}</think>Hm.", TOOLS) == TextCalls(content="Hm.")
    assert parse_text(f"<think>Perhaps {call}", TOOLS) == TextCalls()
    assert parse_text(f"Perhaps {call}\n</think>\nHm.", TOOLS) == TextCalls(content="Hm.")


def test_a_call_after_thoughts_is_taken() -> None:
    assert found(f"<think>{hermes(WRITE)}</think>{hermes(SHELL)}") == [("shell", {"command": "ls -l"})]
    assert found(f"I would {hermes(WRITE)}</think>{json.dumps(SHELL)}") == [("shell", {"command": "ls -l"})]


@pytest.mark.parametrize("call", [hermes(SHELL), xml("shell", command="ls"), json.dumps(SHELL), "ls"])
def test_calls_among_several_fences_are_not_taken(call: str) -> None:
    text = f"Use it so:\n```bash\n{call}\n```\nor so:\n```json\n{call}\n```\nas you like."
    assert parse_text(text, TOOLS) == TextCalls(content=text)


def test_a_call_beside_fences_is_taken() -> None:
    text = f"```python\nx = 1\n```\nand\n```bash\nls\n```\n{hermes(WRITE)}"
    assert found(text) == [("write_file", WRITE["arguments"])]


@pytest.mark.parametrize(
    "text", ["", "Just prose.", "Use <tool_call> tags.", "{not json", "[1, 2]", "```python\nx\n```"]
)
def test_prose_is_no_call(text: str) -> None:
    assert parse_text(text, TOOLS) == TextCalls(content=text)


# ---------------------------------------------------------------- broken JSON


@pytest.mark.parametrize(
    "text",
    [
        "{'name': 'shell', 'arguments': {'command': 'ls -l'}}",
        '{"name": "shell", "arguments": {"command": "ls -l",},}',
        '{"name": "shell", "arguments": {"command": "ls -l"}',
        '{"name": "shell", arguments: {"command": "ls -l"}}',
        '{"name": "shell", "arguments": "{\\"command\\": \\"ls -l\\""}',
    ],
)
def test_broken_json_is_repaired(text: str) -> None:
    assert found(text) == [("shell", {"command": "ls -l"})]
    assert found(f"<tool_call>\n{text}\n</tool_call>") == [("shell", {"command": "ls -l"})]


def test_a_raw_line_break_in_a_string_is_kept() -> None:
    text = '<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "x\ny\n"}}</tool_call>'
    assert found(text) == [("write_file", {"path": "a", "content": "x\ny\n"})]


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 5_000, "[" + "1" * 5_000 + "]", "{" * 900, '{"a": [' * 450])
def test_a_model_in_a_loop_makes_no_call(text: str) -> None:
    assert parse_text(text, TOOLS).calls == ()
    assert parse_text(f"<tool_call>{{{text}", TOOLS).calls == ()
    assert json.loads(arguments_json(text)) is not None


def test_a_number_of_thousands_of_digits_is_text() -> None:
    ((_, arguments),) = found(xml("read_file", path="a", start_line="1" * 5_000))
    assert arguments["start_line"] == "1" * 5_000


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("text", ['{"a":1}', '{ "b" : "é\\n" ,\n"a": [1.50]}', "{}", '{"s": "\\ud83e\\udd89"}'])
def test_arguments_that_are_json_are_kept_byte_for_byte(text: str) -> None:
    assert arguments_json(text) == text


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("", {}),
        ("  ", {}),
        ("[1]", {}),
        ('"text"', {}),
        ("null", {}),
        ("{'a': 1}", {"a": 1}),
        ('{"a": "b"', {"a": "b"}),
        ('{"a": 1,}', {"a": 1}),
    ],
)
def test_other_arguments_are_repaired_or_empty(text: str, repaired: dict[str, Any]) -> None:
    assert json.loads(arguments_json(text)) == repaired


def strict(text: str) -> Any:
    """JSON as llama.cpp takes it: no NaN, no half of a surrogate pair."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    value = json.loads(text, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()
    return value


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": "\\ud83e"}', '{"\\udd89": 1}'])
def test_what_python_takes_for_json_and_servers_do_not_is_repaired(text: str) -> None:
    assert isinstance(strict(arguments_json(text)), dict)
    ((_, arguments),) = found(f'{{"name": "shell", "arguments": {text}}}')
    json.dumps(arguments, ensure_ascii=False).encode()


# ---------------------------------------------------------------- properties

PIECES = st.sampled_from(
    ["<think>", "</think>", "<tool_call>", "</tool_call>", "<function=shell>", "</function>", "<parameter=command>",
     "</parameter>", "```", "```json\n", "```bash\n", "\n", "{", "}", "[", "]", '"name"', ": ", '"shell"', ", ",
     '"arguments"', '"command"', '"\\ud800"', "NaN", "\ud800", json.dumps(SHELL), "x"]
)  # fmt: skip


@settings(derandomize=True, deadline=None, database=None, max_examples=400)
@given(text=st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=30))
def test_any_text_is_read(text: str) -> None:
    reply = parse_text(text, TOOLS)
    for call in reply.calls:
        assert call.name in TOOLS
        assert isinstance(strict(call.arguments), dict)
    assert bool(reply.calls) == bool(reply.dialect)
    assert isinstance(strict(arguments_json(text)), dict)


@settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(content=st.text(st.characters(codec="utf-8"), max_size=30) | st.just(README))
def test_any_content_comes_through_hermes_and_json(content: str) -> None:
    call = {"name": "write_file", "arguments": {"path": "a", "content": content}}
    wanted = [("write_file", call["arguments"])]
    assert found(json.dumps(call)) == wanted
    assert found(hermes(call)) == wanted
