"""A constrained reply is one call of one tool, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.model.dialects import call_schema, parse_text
from tools.registry import Registry

SCHEMAS = Registry().schemas()
TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in SCHEMAS}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """The small part of JSON Schema that is used here."""
    if "anyOf" in schema:
        return any(accepts(each, value) for each in schema["anyOf"])
    if "const" in schema:
        return bool(value == schema["const"])
    kinds: dict[str, Any] = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "object": dict}
    if not isinstance(value, kinds[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return False
    if schema["type"] != "object":
        return True
    properties = schema["properties"]
    return (
        set(schema["required"]) <= set(value)
        and (set(value) <= set(properties) or schema["additionalProperties"] is not False)
        and all(accepts(properties[key], each) for key, each in value.items())
    )


@pytest.mark.parametrize(
    "value",
    [
        {"name": "shell", "arguments": {"command": "ls -l"}},
        {"name": "write_file", "arguments": {"path": "README.md", "content": "# Title\n"}},
        {"name": "run_tests", "arguments": {}},
        {"name": "read_file", "arguments": {"path": "a", "start_line": 1}},
    ],
)
def test_the_call_schema_accepts_calls(value: dict[str, Any]) -> None:
    assert accepts(call_schema(SCHEMAS), value)
    (call,) = parse_text(json.dumps(value), TOOLS).calls
    assert (call.name, json.loads(call.arguments)) == (value["name"], value["arguments"])


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"name": "shell"},
        {"name": "rm_rf", "arguments": {}},
        {"name": "shell", "arguments": {}},
        {"name": "shell", "arguments": {"command": 3}},
        {"name": "shell", "arguments": {"command": "ls", "more": 1}},
        {"name": "shell", "arguments": {"command": "ls"}, "more": 1},
        {"name": "submit", "arguments": {"command": "ls"}},
        "ls",
    ],
)
def test_the_call_schema_rejects_other_things(value: Any) -> None:
    assert not accepts(call_schema(SCHEMAS), value)


def test_the_call_schema_leaves_the_tools_as_they_are() -> None:
    before = json.dumps(SCHEMAS)
    call_schema(SCHEMAS)
    assert json.dumps(SCHEMAS) == before
