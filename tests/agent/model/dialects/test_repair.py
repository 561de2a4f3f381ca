"""Calls are mended where there is one way to understand them, and left alone otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.dialects import Repaired, repair_call
from tools.registry import Registry

TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in Registry().schemas()}
OTHER = {
    "type": "object",
    "properties": {
        "flags": {"type": "array", "items": {"type": "string"}},
        "options": {"type": "object"},
        "level": {"type": ["integer", "null"]},
        "ratio": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    },
    "required": ["flags"],
}


def mended(name: str, tools: dict[str, Any] = TOOLS, **arguments: Any) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    run = repair_call(name, json.dumps(arguments), tools)
    return run.name, json.loads(run.arguments), run.notes


def untouched(name: str, tools: dict[str, Any] = TOOLS, **arguments: Any) -> bool:
    given = json.dumps(arguments)
    return repair_call(name, given, tools) == Repaired(name, given)


# ---------------------------------------------------------------- names of tools


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("bash", "shell"), ("execute_bash", "shell"), ("run_command", "shell"), ("terminal", "shell"), ("exec", "shell"), ("Bash", "shell"),
        ("run_shell_command", "shell"), ("functions.shell", "shell"), ("Shell", "shell"), ("replace", "edit_file"), ("edit", "edit_file"),
        ("str_replace_editor", "edit_file"), ("edit-file", "edit_file"), ("editFile", "edit_file"), ("view", "read_file"),
        ("open_file", "read_file"), ("cat", "read_file"), ("Read", "read_file"), ("ReadFile", "read_file"), ("create_file", "write_file"),
        ("write_to_file", "write_file"), ("grep", "search"), ("find", "search"), ("search_files", "search"), ("finish", "submit"),
        ("done", "submit"), ("attempt_completion", "submit"), ("apply_diff", "apply_patch"), ("pytest", "run_tests"), ("run_test", "run_tests"),
        ("read_fil", "read_file"), ("aply_patch", "apply_patch"), ("tools:run-tests", "run_tests"),
    ],
)  # fmt: skip
def test_names_known_from_elsewhere(written: str, meant: str) -> None:
    run = repair_call(written, "{}", TOOLS)
    assert run == Repaired(meant, "{}", (f"There is no tool `{written}`; `{meant}` was run.",))


@pytest.mark.parametrize(
    "name", ["rm_rf", "", "think", "write_fil_read", "files", "list_files", "browse", "x" * 200, "._.", "python"]
)
def test_names_that_mean_nothing_here(name: str) -> None:
    assert repair_call(name, '{"a": 1}', TOOLS) == Repaired(name, '{"a": 1}')


def test_a_tool_of_that_very_name_is_itself() -> None:
    tools = {**TOOLS, "bash": TOOLS["shell"], "view": {"type": "object", "properties": {}}}
    assert untouched("bash", tools, command="ls") and untouched("view", tools)


def test_between_two_names_nothing_is_guessed() -> None:
    tools = {"read_file_1": TOOLS["read_file"], "read_file_2": TOOLS["read_file"]}
    assert untouched("read_file_3", tools, path="a")
    twins = {"read_file": TOOLS["read_file"], "readFile": TOOLS["read_file"]}
    assert untouched("READ_FILE", twins, path="a")


@pytest.mark.parametrize(
    ("given", "name", "arguments"),
    [
        ({"command": "view", "path": "a", "view_range": [2, 5]}, "read_file", {"path": "a", "start_line": 2, "end_line": 5}),
        ({"command": "view", "path": "a", "view_range": "[2, 5]"}, "read_file", {"path": "a", "start_line": 2, "end_line": 5}),
        ({"command": "view", "path": "a", "view_range": [2, -1]}, "read_file", {"path": "a", "start_line": 2}),
        ({"command": "create", "path": "a", "file_text": "x"}, "write_file", {"path": "a", "content": "x"}),
        ({"command": "str_replace", "path": "a", "old_str": "x", "new_str": "y"}, "edit_file", {"path": "a", "old": "x", "new": "y"}),
        ({"path": "a", "old_str": "x", "new_str": "y"}, "edit_file", {"path": "a", "old": "x", "new": "y"}),
    ],
)  # fmt: skip
def test_the_editor_with_commands(given: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    run = mended("str_replace_editor", **given)
    assert run[:2] == (name, arguments)
    assert run[2][0] == f"There is no tool `str_replace_editor`; `{name}` was run."


def test_a_command_of_the_editor_that_no_tool_does_is_left_alone() -> None:
    assert untouched("str_replace_editor", command="undo_edit", path="a")


# ---------------------------------------------------------------- names of arguments


@pytest.mark.parametrize(
    ("tool", "given", "arguments"),
    [
        ("read_file", {"file_path": "a"}, {"path": "a"}),
        ("read_file", {"filename": "a", "startLine": 2, "line_end": 3}, {"path": "a", "start_line": 2, "end_line": 3}),
        ("shell", {"cmd": "ls"}, {"command": "ls"}),
        ("shell", {"command": "ls", "timeout": 30}, {"command": "ls", "timeout_seconds": 30}),
        ("edit_file", {"file": "a", "old_string": "x", "new_string": "y"}, {"path": "a", "old": "x", "new": "y"}),
        ("edit_file", {"path": "a", "search": "x", "replace": "y"}, {"path": "a", "old": "x", "new": "y"}),
        ("write_file", {"path": "a", "contents": "x"}, {"path": "a", "content": "x"}),
        ("search", {"regex": "x"}, {"pattern": "x"}),
        ("search", {"query": "x", "include": "*.py"}, {"pattern": "x", "glob": "*.py"}),
        ("apply_patch", {"diff": "x"}, {"patch": "x"}),
        ("apply_patch", {"input": "x"}, {"patch": "x"}),
        ("submit", {"result": "x"}, {"summary": "x"}),
        ("submit", {"sumary": "x"}, {"summary": "x"}),
    ],
)
def test_arguments_known_from_elsewhere(tool: str, given: dict[str, Any], arguments: dict[str, Any]) -> None:
    name, run, notes = mended(tool, **given)
    assert (name, run, list(run)) == (tool, arguments, list(arguments))
    changed = [(was, now) for was, now in zip(given, arguments, strict=True) if was != now]
    assert list(notes) == [f"`{was}` was taken as `{now}`." for was, now in changed]


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("read_file", {"path": "a", "file_path": "b"}),
        ("read_file", {"file_path": "a", "filename": "b"}),
        ("edit_file", {"path": "a", "old": "x", "new": "y", "comment": "z"}),
        ("shell", {"command": "ls", "timeout": 120_000}),
        ("shell", {"command": "ls", "background": True}),
        ("submit", {"x": "y"}),
    ],
)
def test_other_names_are_left_to_the_tool(tool: str, given: dict[str, Any]) -> None:
    assert untouched(tool, **given)


def test_a_timeout_written_as_text_is_still_one() -> None:
    assert mended("shell", command="ls", timeout="30")[1] == {"command": "ls", "timeout_seconds": 30}


def test_arguments_one_level_too_deep() -> None:
    name, run, notes = mended("shell", arguments={"cmd": "ls"})
    assert (name, run) == ("shell", {"command": "ls"})
    assert notes == ("What stood in `arguments` was taken as the arguments.", "`cmd` was taken as `command`.")


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("tool", "key", "given", "value", "told"),
    [
        ("read_file", "start_line", "5", 5, "an integer 5"),
        ("read_file", "start_line", " 5.0 ", 5, "an integer 5"),
        ("read_file", "start_line", 5.0, 5, "an integer 5"),
        ("read_file", "path", 3, "3", "a string"),
        ("shell", "timeout_seconds", "1.5", 1.5, "a number 1.5"),
        ("shell", "timeout_seconds", "20", 20, "an integer 20"),
        ("edit_file", "replace_all", "True", True, "a boolean true"),
        ("edit_file", "replace_all", "false", False, "a boolean false"),
        ("shell", "command", ["ls", "-l", "a b"], "ls -l 'a b'", "the one command `ls -l 'a b'`"),
        ("shell", "command", ["bash", "-lc", "ls | wc"], "ls | wc", "the one command `ls | wc`"),
        ("shell", "command", ["ls | wc"], "ls | wc", "the one command `ls | wc`"),
        ("write_file", "content", {"a": [1]}, '{\n  "a": [\n    1\n  ]\n}\n', "a string"),
        ("other", "flags", '["a"]', ["a"], "an array"),
        ("other", "flags", "a", ["a"], "an array"),
        ("other", "options", '{"a": 1}', {"a": 1}, "an object"),
        ("other", "level", "5", 5, "an integer 5"),
        ("other", "ratio", "0.5", 0.5, "a number 0.5"),
    ],
)
def test_values_become_what_the_schema_says(tool: str, key: str, given: Any, value: Any, told: str) -> None:
    name, run, notes = mended(tool, {**TOOLS, "other": OTHER}, **{key: given})
    assert (name, run[key], type(run[key])) == (tool, value, type(value))
    assert notes == (f"`{key}` was taken as {told}.",)


@pytest.mark.parametrize(
    ("tool", "key", "given"),
    [
        ("read_file", "start_line", "five"),
        ("read_file", "start_line", "5.5"),
        ("read_file", "start_line", 5.5),
        ("read_file", "start_line", True),
        ("read_file", "start_line", "1" * 5_000),
        ("read_file", "path", None),
        ("read_file", "path", ["a"]),
        ("shell", "timeout_seconds", "nan"),
        ("shell", "timeout_seconds", "1e999"),
        ("shell", "command", ["ls", 3]),
        ("shell", "command", []),
        ("edit_file", "replace_all", "yes"),
        ("write_file", "content", ["a", "b"]),
        ("other", "options", "[1]"),
        ("other", "level", None),
        ("other", "flags", "3" * 5_000),
    ],
)
def test_values_with_no_one_meaning_are_left_to_the_tool(tool: str, key: str, given: Any) -> None:
    tools = {**TOOLS, "other": {**OTHER, "properties": {**OTHER["properties"], "flags": {"type": "array"}}}}
    assert untouched(tool, tools, **{key: given})


def test_null_for_what_may_be_left_out_is_left_out() -> None:
    name, run, notes = mended("read_file", path="a", start_line=None)
    assert (name, run, notes) == ("read_file", {"path": "a"}, ("`start_line` was null and was left out.",))


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"properties": {"a": True}, "required": None}])
def test_a_poor_schema_is_no_reason_to_fail(schema: dict[str, Any]) -> None:
    assert untouched("t", {"t": schema}, a="5")


# ---------------------------------------------------------------- the arguments' string


@pytest.mark.parametrize(
    "arguments", ['{"path":"a"}', '{ "path" : "\\u00e9",\n"start_line": 5 }', '{"path": "\\ud83e\\udd89"}']
)
def test_what_needs_nothing_is_kept_byte_for_byte(arguments: str) -> None:
    assert repair_call("read_file", arguments, TOOLS) == Repaired("read_file", arguments)
    assert repair_call("cat", arguments, TOOLS).arguments == arguments


def test_broken_json_is_mended_and_told() -> None:
    run = repair_call("shell", "{'command': 'ls',}", TOOLS)
    assert (json.loads(run.arguments), run.notes) == (
        {"command": "ls"},
        ("The arguments were not valid JSON; they were mended.",),
    )


@pytest.mark.parametrize("arguments", ["[1]", "ls", "{", "null", '"ls"', "{{{{" * 50])
def test_what_no_object_can_be_made_of_is_left_to_the_tool(arguments: str) -> None:
    assert repair_call("shell", arguments, TOOLS) == Repaired("shell", arguments)


KEYS = st.sampled_from(["path", "file", "file_path", "old", "old_str", "search", "new", "command", "cmd", "timeout", "start_line", "arguments"]) | st.text(max_size=5)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
)
ANY_NAME = st.sampled_from([*TOOLS, "bash", "str_replace_editor", "view"]) | st.text(max_size=12)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(name=ANY_NAME, arguments=st.dictionaries(KEYS, VALUES, max_size=4).map(json.dumps) | st.text(max_size=30))
def test_whatever_is_written_the_mended_call_needs_no_mending(name: str, arguments: str) -> None:
    run = repair_call(name, arguments, TOOLS)
    if not run.notes:
        assert (run.name, run.arguments) in {(name, arguments), (name, "{}")}
        return
    assert run.name in TOOLS
    json.dumps(json.loads(run.arguments), ensure_ascii=False).encode()
    again = repair_call(run.name, run.arguments, TOOLS)
    assert again.name == run.name and len(again.notes) <= len(run.notes)
