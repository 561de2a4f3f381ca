"""Tool calls that stand in the text of a reply, in the ways models write them.

Read here: Hermes and Qwen2.5 (`<tool_call>{json}`), Qwen3-Coder XML (`<function=…>`), JSON in a fence or alone, a
single bash fence. Only calls of known tools are taken; what stands in `<think>` or among other fences is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.model.types import ToolCall, new_call_id

_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>|(?=<function=)|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>(.*?)(?:</parameter>|(?=<parameter=)|(?=</function>)|\Z)", re.DOTALL)


@dataclass(frozen=True)
class TextCalls:
    """Calls found in a text, what dialect they were in, and the text around them."""

    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""
    content: str = ""


def loads(text: str) -> Any:
    """JSON, repaired where it is broken; None when nothing sensible is in it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    from json_repair import repair_json

    found = repair_json(text, return_objects=True)
    return found if found != "" else None


def arguments_json(arguments: str) -> str:
    """An arguments string that is a JSON object: the very same one, or its repair, or `{}`.

    A string that is no JSON would make llama.cpp answer 500 to every later request that holds it.
    """
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except json.JSONDecodeError:
        pass
    found = loads(arguments) if arguments.strip() else {}
    return json.dumps(found, ensure_ascii=False) if isinstance(found, dict) else "{}"


def call_from_object(value: Any, tools: Mapping[str, Mapping[str, Any]]) -> ToolCall | None:
    """The call that a JSON value is: `{"name", "arguments"|"parameters"}`, perhaps under "function"."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name") or value.get("tool") or value.get("function")
    arguments: Any = next((value[key] for key in ("arguments", "parameters", "args") if key in value), {})
    if not isinstance(name, str) or name not in tools:
        return None
    if isinstance(arguments, str):
        arguments = loads(arguments)
    if not isinstance(arguments, dict):
        return None
    return ToolCall(id=new_call_id(), name=name, arguments=json.dumps(arguments, ensure_ascii=False))


def _outside_fences(text: str) -> str:
    return _FENCE.sub(lambda match: "\0" * len(match[0]), text)


def _functions(text: str, tools: Mapping[str, Mapping[str, Any]]) -> list[ToolCall]:
    """Qwen3-Coder's XML: strings raw, other types JSON; a value's own first and last line break are not of it."""
    calls = []
    for name, body in _FUNCTION.findall(text):
        if name not in tools:
            continue
        kinds = tools[name].get("properties", {})
        arguments: dict[str, Any] = {}
        for key, raw in _PARAMETER.findall(body):
            value = raw.removeprefix("\n").removesuffix("\n")
            kind = kinds.get(key, {}).get("type", "string")
            arguments[key] = value if kind == "string" else _typed(value)
        calls.append(ToolCall(id=new_call_id(), name=name, arguments=json.dumps(arguments, ensure_ascii=False)))
    return calls


def _typed(value: str) -> Any:
    lowered = value.strip().lower()
    if lowered in {"true", "false", "null", "none"}:
        return {"true": True, "false": False}.get(lowered)
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value.strip()


def _hermes(text: str, tools: Mapping[str, Mapping[str, Any]]) -> list[ToolCall]:
    calls = []
    for body in _TAGGED.findall(text):
        if body.lstrip().startswith("{"):
            call = call_from_object(loads(body), tools)
            if call:
                calls.append(call)
    return calls


def _json_calls(text: str, tools: Mapping[str, Mapping[str, Any]]) -> list[ToolCall]:
    value = loads(text)
    values = value if isinstance(value, list) else [value]
    calls = [call_from_object(each, tools) for each in values]
    return [call for call in calls if call] if all(calls) else []


def parse_text(text: str, tools: Mapping[str, Mapping[str, Any]]) -> TextCalls:
    """The calls in `text`; `tools` maps names to their JSON schemas. Never raises for what a model wrote."""
    visible = _THINK.sub("", text)
    bare = _outside_fences(visible)
    for dialect, read in (("qwen3-coder", _functions), ("hermes", _hermes)):
        calls = read(bare, tools)
        if calls:
            opener = re.search(r"<tool_call>|<function=", bare)
            return TextCalls(tuple(calls), dialect, visible[: opener.start() if opener else 0].strip())
    fences = list(_FENCE.finditer(visible))
    stripped = visible.strip()
    if stripped.startswith(("{", "[")) and not fences:
        calls = _json_calls(stripped, tools)
        if calls:
            return TextCalls(tuple(calls), "json", "")
    if len(fences) == 1:
        language, body = fences[0][1].lower(), fences[0][2]
        before = visible[: fences[0].start()].strip()
        if language in {"json", "tool_call", "tool_code", ""} and body.lstrip().startswith(("{", "[")):
            calls = _json_calls(body, tools)
            if calls:
                return TextCalls(tuple(calls), "json fence", before)
        if language in {"", "xml", "tool_call"}:
            calls = _functions(body, tools) or _hermes(body, tools)
            if calls:
                return TextCalls(tuple(calls), "fenced call", before)
        if language in {"bash", "sh", "shell"} and "shell" in tools and body.strip():
            arguments = json.dumps({"command": body.strip()}, ensure_ascii=False)
            return TextCalls((ToolCall(id=new_call_id(), name="shell", arguments=arguments),), "bash fence", before)
    return TextCalls(content=visible.strip())


def call_schema(tools: list[dict[str, Any]]) -> dict[str, Any]:
    """A JSON schema under which a reply is exactly one call of one of `tools`, as `{"name", "arguments"}`."""
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "name": {"const": tool["function"]["name"]},
                    "arguments": {**tool["function"]["parameters"], "additionalProperties": False},
                },
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for tool in tools
        ]
    }
