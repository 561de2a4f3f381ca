"""What is written in a dialect is read back as it was meant, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.dialects import DIALECTS, json_call, parse_text
from tools.registry import Registry

TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in Registry().schemas()}

NAMES = ["json", "hermes", "qwen3-coder", "mistral", "llama3", "deepseek", "glm", "gpt-oss"]
MARKUP = [
    "<tool_call>", "</tool_call>", "\n", "<function=shell>", "</function>", "<parameter=command>", "</parameter>", "<arg_key>command</arg_key>",
    "<arg_value>", "</arg_value>", "[TOOL_CALLS]", "[ARGS]", "{", "}", '"', "\\", "```", "```bash\n", "<think>", "</think>", "<|python_tag|>",
    "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<|channel|>", "<|message|>", "to=functions.shell", "x", " ", "'",
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.lists(st.sampled_from(MARKUP), max_size=12).map("".join)


def test_these_dialects_may_be_named() -> None:
    assert sorted(DIALECTS) == sorted(NAMES)
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


@pytest.mark.parametrize("name", NAMES)
@settings(derandomize=True, deadline=None, database=None, max_examples=120)
@given(path=TEXT, old=TEXT, new=TEXT, every=st.booleans())
def test_any_arguments_come_back(name: str, path: str, old: str, new: str, every: bool) -> None:
    arguments = {"path": path, "old": old, "new": new, "replace_all": every}
    written = DIALECTS[name].write("edit_file", json.dumps(arguments, ensure_ascii=False))
    for text in (written, f"{written}\n"):
        (call,) = parse_text(text, TOOLS).calls
        assert (call.name, json.loads(call.arguments)) == ("edit_file", arguments)
    assert written.startswith("<tool_call>" if name in {"qwen3-coder", "glm"} else DIALECTS[name].opening)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_file", {"path": "a.py", "start_line": 3, "end_line": 5}),
        ("run_tests", {}),
        ("run_tests", {"timeout_seconds": 1.5}),
        ("submit", {"summary": "Grüße, 漢字\n\tx"}),
    ],
)
def test_calls_of_every_shape_come_back(name: str, tool: str, arguments: dict[str, Any]) -> None:
    (call,) = parse_text(
        "I go on.\n" * (name != "llama3") + DIALECTS[name].write(tool, json.dumps(arguments)), TOOLS
    ).calls
    assert (call.name, json.loads(call.arguments)) == (tool, arguments)


@pytest.mark.parametrize("name", ["json", "hermes", "mistral", "llama3", "deepseek", "gpt-oss"])
def test_json_dialects_keep_the_arguments_own_bytes(name: str) -> None:
    arguments = '{ "command" : "ls \\u00e9",\n"timeout_seconds": 1.0}'
    (call,) = parse_text(DIALECTS[name].write("shell", arguments), TOOLS).calls
    assert call.arguments == arguments


@pytest.mark.parametrize("name", NAMES)
def test_the_syntax_shows_a_call_and_how_it_begins(name: str) -> None:
    dialect = DIALECTS[name]
    shown = dialect.syntax("shell", "command", "ls")
    assert shown.startswith(dialect.opening)
    (call,) = parse_text(shown.removesuffix(dialect.note), TOOLS).calls
    assert (call.name, json.loads(call.arguments)) == ("shell", {"command": "ls"})
    assert "TOOL" in dialect.syntax() and "ARGUMENT" in dialect.syntax() and "VALUE" in dialect.syntax()


@pytest.mark.parametrize("name", NAMES)
def test_arguments_that_are_no_json_are_mended_before_they_are_written(name: str) -> None:
    (call,) = parse_text(DIALECTS[name].write("shell", "{'command': 'ls'"), TOOLS).calls
    assert json.loads(call.arguments) == {"command": "ls"}


@pytest.mark.parametrize("dialect", ["qwen3-coder", "glm"])
def test_a_value_that_would_end_its_call_is_written_as_json(dialect: str) -> None:
    plain = DIALECTS[dialect].write("submit", '{"summary": "x"}')
    torn = DIALECTS[dialect].write("submit", json.dumps({"summary": plain[plain.index("x") :]}))
    assert '"summary"' in torn and '"summary"' not in plain


def test_a_constrained_call_is_one_object() -> None:
    assert json_call("shell", '{"command":"ls"}') == '{"name": "shell", "arguments": {"command":"ls"}}'


@pytest.mark.parametrize("outer", NAMES)
@pytest.mark.parametrize("inner", NAMES)
def test_a_call_inside_a_call_is_its_content(outer: str, inner: str) -> None:
    quoted = DIALECTS[inner].write("shell", '{"command": "rm x"}')
    content = f"EXAMPLE = '''{quoted}'''\n# or\n{quoted}\n# and </think>\n"
    calls = [("write_file", {"path": "a.py", "content": content}), ("run_tests", {})]
    written = [DIALECTS[outer].write(name, json.dumps(arguments)) for name, arguments in calls]
    text = written[0] if outer == "json" else "\n".join(written)  # one fence is a call, two are prose
    found = [(call.name, json.loads(call.arguments)) for call in parse_text(text, TOOLS).calls]
    assert found == (calls[:1] if outer == "json" else calls)
