"""Every family's calls are read as its chat template has them, and as its models bend them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.model import dialects
from agent.model.dialects import parse_text
from tools.registry import Registry

TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in Registry().schemas()}
LS = ("shell", {"command": "ls"})
READ = ("read_file", {"path": "a.py", "start_line": 3})


def found(text: str) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, json.loads(call.arguments)) for call in parse_text(text, TOOLS).calls]


def check(text: str, dialect: str, *calls: tuple[str, dict[str, Any]]) -> None:
    """The calls are these, alone and after prose and thoughts, and only what is before them is content."""
    assert (parse_text(text, TOOLS).dialect, found(text)) == (dialect, list(calls))
    reply = parse_text(f"<think>Hm, {text}</think>\nI look.\n\n{text}\nThat's it.", TOOLS)
    assert (reply.dialect, reply.content, len(reply.calls)) == (dialect, "I look.", len(calls))


# ---------------------------------------------------------------- Hermes


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "shell", "arguments": {"command": "ls"}}</tool_call>',
        '<tool_call>\n{"name": "shell", "arguments": {"command": "ls"}}\n',
        '<tool_call>\n```json\n{"name": "shell", "arguments": {"command": "ls"}}\n```\n</tool_call>',
        '<tools>\n{"name": "shell", "arguments": {"command": "ls"}}\n</tools>',
        '<function_call>{"name": "shell", "arguments": {"command": "ls"}}</function_call>',
        '<tool_call>{"type": "function", "function": {"name": "shell", "arguments": {"command": "ls"}}}</tool_call>',
    ],
)
def test_hermes(text: str) -> None:
    check(text, "hermes", LS)


def test_several_hermes_calls_in_one_tag() -> None:
    one = '{"name": "shell", "arguments": {"command": "ls"}}'
    check(f"<tool_call>\n{one}\n{one}\n</tool_call>", "hermes", LS, LS)
    check(f"<tool_call>[{one}, {one}]</tool_call>", "hermes", LS, LS)


def test_a_hermes_call_without_its_opening_tag() -> None:
    assert found('I look.\n{"name": "shell", "arguments": {"command": "ls"}}\n</tool_call>') == [LS]
    assert found('{"name": "shell", "arguments": {"command": "ls"}}\n</tool_call>') == [LS]


def test_an_orphan_end_tag_after_prose_is_nothing() -> None:
    assert found('I see {"name": "shell"} there\n{x}\n</tool_call>') == []


def test_arguments_keep_their_own_bytes() -> None:
    arguments = '{ "command":"ls \\u00e9" ,\n"timeout_seconds": 1.50}'
    for text in (
        f'<tool_call>{{"name": "shell", "arguments": {arguments}}}</tool_call>',
        f'{{"arguments": {arguments}, "name": "shell"}}',
        f'[{{"name": "shell", "parameters": {arguments}}}]',
        f'{{"function": {{"name": "shell", "arguments": {arguments}}}}}',
        f"[TOOL_CALLS]shell[ARGS]{arguments}",
        f"<｜tool▁call▁begin｜>shell<｜tool▁sep｜>{arguments}<｜tool▁call▁end｜>",
        f"<|channel|>commentary to=functions.shell<|message|>{arguments}<|call|>",
        f"<function=shell>{arguments}</function>",
        f'```json\n{{"name": "shell", "arguments": {arguments}}}\n```',
    ):
        assert [call.arguments for call in parse_text(text, TOOLS).calls] == [arguments], text


# ---------------------------------------------------------------- Qwen3-Coder


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>\n<function=read_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=start_line>\n3\n</parameter>\n"
        "</function>\n</tool_call>",
        "<function=read_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=start_line>\n3\n</parameter>\n</function>\n"
        "</tool_call>",
        "<tool_call><function=read_file><parameter=path>a.py</parameter><parameter=start_line>3</parameter></function>",
        "<tool_call>\n<function=read_file>\n<parameter=path>\na.py\n<parameter=start_line>\n3\n</function>\n</tool_call>",
        '<function=read_file>{"path": "a.py", "start_line": 3}</function>',
    ],
    ids=["template", "no opener", "one line", "no end of parameters", "llama"],
)
def test_qwen3_coder(text: str) -> None:
    check(text, "qwen3-coder", READ)


def test_a_qwen3_coder_call_without_arguments() -> None:
    check("<tool_call>\n<function=run_tests>\n</function>\n</tool_call>", "qwen3-coder", ("run_tests", {}))


@pytest.mark.parametrize(
    "content",
    [
        "a < b && c > d &amp; <e>",
        'x = "</parameter>" + y\nz = "</function>"',
        "</parameter> stays, for something follows it",
        "<tool_call>\n<function=shell>\n<parameter=command>\nrm x\n</parameter>\n</function>\n</tool_call>",
        'say("<function=shell><parameter=command>ls</parameter></function>")',
        "<function=nothing",
        '<tool_call>{"name": "shell", "arguments": {"command": "ls"}}</tool_call>',
        "[TOOL_CALLS]shell[ARGS]{}",
        "```bash\nls\n```",
        "<think>a</think> </think>",
        "<|channel|>commentary to=functions.shell<|message|>{}<|call|>",
        '<｜DSML｜invoke name="shell"></｜DSML｜invoke>',
    ],
)
def test_what_stands_in_a_raw_value_is_its_own(content: str) -> None:
    wanted = [("write_file", {"path": "a", "content": content}), LS]
    xml = f"<function=write_file>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{content}\n</parameter>\n</function>"
    next_xml = "<function=shell>\n<parameter=command>\nls\n</parameter>\n</function>"
    assert found(f"<tool_call>\n{xml}\n</tool_call>\n<tool_call>\n{next_xml}\n</tool_call>") == wanted


@pytest.mark.parametrize("content", ["a < b", "<arg_value>x</arg_value> y", "say('</tool_call>')", "<tool_call>", "{}"])
def test_what_stands_in_a_glm_value_is_its_own(content: str) -> None:
    first = "<tool_call>write_file\n<arg_key>path</arg_key>\n<arg_value>a</arg_value>\n<arg_key>content</arg_key>\n"
    second = "<tool_call>shell\n<arg_key>command</arg_key>\n<arg_value>ls</arg_value>\n</tool_call>"
    text = f"{first}<arg_value>{content}</arg_value>\n</tool_call>\n{second}"
    assert found(text) == [("write_file", {"path": "a", "content": content}), LS]


def test_an_unclosed_call_ends_at_the_next() -> None:
    text = "<tool_call>\n<function=shell>\n<parameter=command>\nls\n<tool_call>\n<function=shell>\n<parameter=command>\nls\n"
    assert found(text) == [LS, LS]


def test_a_mention_of_a_function_tag_is_prose() -> None:
    for text in ("Write <function=shell> to run it.", "<function=shell>", "<tool_call> <function=read_file> is a tag"):
        assert parse_text(text, TOOLS).calls == () and parse_text(text, TOOLS).content == text


# ---------------------------------------------------------------- Mistral


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS]shell[ARGS]{"command": "ls"}',
        '[TOOL_CALLS]shell[CALL_ID]a1B2c3D4e[ARGS]{"command": "ls"}',
        '[TOOL_CALLS] shell {"command": "ls"}',
        '[TOOL_CALLS][{"name": "shell", "arguments": {"command": "ls"}, "id": "a1B2c3D4e"}]',
        '[TOOL_CALLS] [{"name": "shell", "arguments": {"command": "ls"}}',
        "[TOOL_CALLS]shell[ARGS]{'command': 'ls',}",
    ],
)
def test_mistral(text: str) -> None:
    check(text, "mistral", LS)


def test_several_mistral_calls() -> None:
    one = '[TOOL_CALLS]shell[ARGS]{"command": "ls"}'
    check(one + one, "mistral", LS, LS)
    array = '{"name": "shell", "arguments": {"command": "ls"}}'
    check(f"[TOOL_CALLS][{array}, {array}]", "mistral", LS, LS)


# ---------------------------------------------------------------- Llama 3


@pytest.mark.parametrize(
    "text",
    [
        '<|python_tag|>shell.call(command="ls")',
        "<|python_tag|>shell.call(command='ls')<|eom_id|>",
        '<|python_tag|>{"name": "shell", "parameters": {"command": "ls"}}',
        '<|python_tag|>{"type": "function", "name": "shell", "parameters": {"command": "ls"}}<|eot_id|>',
        '<|python_tag|>[shell(command="ls")]',
    ],
)
def test_llama3(text: str) -> None:
    check(text, "llama3", LS)


def test_llama3_json_calls_in_a_row() -> None:
    one = '{"name": "shell", "parameters": {"command": "ls"}}'
    assert found(f"{one}; {one}") == found(f"<|python_tag|>{one};\n{one}") == [LS, LS]


def test_pythonic_calls_are_a_whole_reply() -> None:
    text = '[read_file(path="a.py", start_line=3), edit_file(path="a", old=\'x"\', new="""y\\d]""", replace_all=true)]'
    wanted = [READ, ("edit_file", {"path": "a", "old": 'x"', "new": "y\\d]", "replace_all": True})]
    assert parse_text(text, TOOLS).dialect == "pythonic"
    assert found(text) == found(f"<think>[shell()]</think>\n{text}\n") == wanted
    assert found(f"{text} and so on") == found(f"See {text}") == []


@pytest.mark.parametrize(
    "text",
    [
        "[shell(command=open('x').read())]", "[shell(command=x)]", "[shell('ls')]", "[shell(**{'command': 'ls'})]",
        "[shell(command=b'ls')]", "[shell(command={1j})]", "[rm_rf(command='ls')]", "[bash(command='ls')]", "[shell(command='ls']",
        "[shell(command='ls'), 3]", '<|python_tag|>print("ls")', "<|python_tag|>shell.call(command=os.environ)",
    ],
)  # fmt: skip
def test_what_is_no_literal_call_is_prose(text: str) -> None:
    assert found(text) == []


# ---------------------------------------------------------------- DeepSeek


@pytest.mark.parametrize(
    "text",
    [
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>shell<｜tool▁sep｜>{"command": "ls"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>shell\n```json\n{"command": "ls"}\n```<｜tool▁call▁end｜>'
        "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>",
        '<｜tool▁calls▁begin｜>function<｜tool▁sep｜>shell\n```json\n{"command": "ls"}\n```',
        '<|tool_calls_begin|><|tool_call_begin|>shell<|tool_sep|>{"command": "ls"}<|tool_call_end|><|tool_calls_end|>',
        '<｜tool calls begin｜><｜tool call begin｜>shell<｜tool sep｜>{"command": "ls"}',
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="shell">\n<｜DSML｜parameter name="command" string="true">ls'
        "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        '<｜DSML｜tool_calls><｜DSML｜invoke name="shell">{"command": "ls"}</｜DSML｜invoke></｜DSML｜tool_calls>',
        '<function_calls>\n<invoke name="shell">\n<parameter name="command">ls</parameter>\n</invoke>\n</function_calls>',
    ],
    ids=["V3.1", "V3", "no inner token", "ASCII", "blanks", "V3.2", "V3.2 JSON", "no token"],
)
def test_deepseek(text: str) -> None:
    check(text, "deepseek", LS)


def test_several_deepseek_calls() -> None:
    one = '<｜tool▁call▁begin｜>shell<｜tool▁sep｜>{"command": "ls"}<｜tool▁call▁end｜>'
    check(f"<｜tool▁calls▁begin｜>{one}\n{one}<｜tool▁calls▁end｜>", "deepseek", LS, LS)


def test_dsml_says_what_is_a_string() -> None:
    def dsml(value: str, string: str) -> str:
        tag = f'<｜DSML｜parameter name="summary" string="{string}">{value}</｜DSML｜parameter>'
        return f'<｜DSML｜function_calls>\n<｜DSML｜invoke name="submit">\n{tag}\n</｜DSML｜invoke>\n</｜DSML｜function_calls>'

    assert found(dsml("3", "true")) == [("submit", {"summary": "3"})]
    assert found(dsml("3", "false")) == [("submit", {"summary": 3})]
    assert found(dsml(" <b> & </parameter> x\n", "true")) == [("submit", {"summary": " <b> & </parameter> x\n"})]


# ---------------------------------------------------------------- GLM


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>read_file\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>start_line</arg_key>\n"
        "<arg_value>3</arg_value>\n</tool_call>",
        "<tool_call>read_file<arg_key>path</arg_key><arg_value>a.py</arg_value><arg_key>start_line</arg_key><arg_value>3"
        "</arg_value></tool_call>",
        "<tool_call>read_file\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>start_line</arg_key>\n<arg_value>3",
        '<tool_call>read_file\n{"path": "a.py", "start_line": 3}\n</tool_call>',
    ],
    ids=["4.6", "4.7", "cut", "JSON"],
)
def test_glm(text: str) -> None:
    assert found(text) == [READ]
    assert parse_text(f"So.\n{text}", TOOLS).content == "So."
    assert found(f"<think>{text}</think>") == []


def test_a_glm_call_without_arguments() -> None:
    check("<tool_call>run_tests\n</tool_call>", "glm", ("run_tests", {}))
    check(
        "<tool_call>run_tests</tool_call><tool_call>run_tests</tool_call>", "glm", ("run_tests", {}), ("run_tests", {})
    )


# ---------------------------------------------------------------- gpt-oss


@pytest.mark.parametrize(
    "text",
    [
        '<|channel|>commentary to=functions.shell <|constrain|>json<|message|>{"command": "ls"}<|call|>',
        '<|start|>assistant<|channel|>commentary to=functions.shell<|constrain|>json<|message|>{"command": "ls"}',
        '<|start|>assistant to=functions.shell<|channel|>commentary json<|message|>{"command": "ls"}<|call|>',
        ' to=functions.shell<|channel|>commentary<|message|>{"command": "ls"}<|call|>',
        '<|channel|>analysis to=functions.shell code<|message|>{"command": "ls"}<|call|>',
        '<|channel|>commentary to=functions.shell {"command": "ls"}',
    ],
)
def test_gpt_oss(text: str) -> None:
    check(text, "gpt-oss", LS)


def test_gpt_oss_calls_that_nothing_closes() -> None:
    one = '<|start|>assistant<|channel|>commentary to=functions.shell<|message|>{"command": "ls"}'
    check(one + one, "gpt-oss", LS, LS)


def test_no_group_is_optional_and_possessive() -> None:
    """Python 3.11.2 goes on behind what such a group has read, even where it does not match."""
    modules = Path(dialects.__file__).parent.glob("*.py")
    assert [path.name for path in modules if ")?+" in path.read_text()] == []


def test_gpt_oss_thinks_in_a_channel_of_its_own() -> None:
    call = '<|start|>assistant<|channel|>commentary to=functions.shell<|message|>{"command": "ls"}<|call|>'
    thought = f"<|channel|>analysis<|message|>I could write ```bash\nls\n``` or {hermes_ls()}<|end|>"
    said = "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
    reply = parse_text(thought + said + call, TOOLS)
    assert (reply.dialect, reply.content, len(reply.calls)) == ("gpt-oss", "I look.", 1)
    final = parse_text(f"{thought}<|start|>assistant<|channel|>final<|message|>Done.<|return|>", TOOLS)
    assert (final.calls, final.content) == ((), "Done.")


def hermes_ls() -> str:
    return '<tool_call>{"name": "shell", "arguments": {"command": "ls"}}</tool_call>'


# ---------------------------------------------------------------- names of other harnesses


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "bash", "arguments": {"cmd": "ls"}}</tool_call>',
        "<function=bash>\n<parameter=cmd>\nls\n</parameter>\n</function>",
        '[TOOL_CALLS]bash[ARGS]{"cmd": "ls"}',
        '<|python_tag|>bash.call(cmd="ls")',
        '<｜tool▁call▁begin｜>bash<｜tool▁sep｜>{"cmd": "ls"}',
        '<|channel|>commentary to=functions.bash<|message|>{"cmd": "ls"}',
        "<tool_call>bash\n<arg_key>cmd</arg_key>\n<arg_value>ls</arg_value>\n</tool_call>",
    ],
)
def test_markup_may_name_a_tool_as_another_harness_does(text: str) -> None:
    assert found(text) == [("bash", {"cmd": "ls"})]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "bash", "arguments": {"cmd": "ls"}}',
        '```json\n{"name": "bash", "arguments": {"cmd": "ls"}}\n```',
        '```xml\n<tool_call>{"name": "bash", "arguments": {"cmd": "ls"}}</tool_call>\n```',
        '[bash(cmd="ls")]',
    ],
)
def test_elsewhere_the_name_is_exact(text: str) -> None:
    assert found(text) == []
    assert len(found(text.replace("bash", "shell"))) == 1
