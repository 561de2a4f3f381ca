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

# Where the chat template opened the thinking, the reply holds only its end.
_THINK = re.compile(r"\A(?:(?!<think>).)*?</think>|<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>|(?=<function=)|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>(.*?)(?:</parameter>|(?=<parameter=)|(?=</function>)|\Z)", re.DOTALL)
_CALL_OR_FENCE = re.compile("|".join(each.pattern for each in (_TAGGED, _FUNCTION, _FENCE)), re.DOTALL)


@dataclass(frozen=True)
class TextCalls:
    """Calls found in a text, what dialect they were in, and the text around them."""

    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""
    content: str = ""


def loads(text: str) -> Any:
    """JSON, repaired where it is broken; None when nothing sensible is in it."""
    try:
        return json.loads(text, strict=False, parse_constant=lambda _: None)  # raw line breaks in strings are kept
    except RecursionError:
        return None
    except ValueError:
        pass
    from json_repair import repair_json

    try:
        found = repair_json(text, return_objects=True)
    except (ValueError, RecursionError):  # a model in a loop: a number of thousands of digits, endless brackets
        return None
    return found if found != "" else None


def is_json(text: str) -> bool:
    """Whether a text is JSON, as far as this machine can tell: not when it is nested beyond all reason."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _dumps(value: Any) -> str:
    """JSON that every server takes: no half of a surrogate pair."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def arguments_json(arguments: str) -> str:
    """An arguments string that is a JSON object: the very same one, or its repair, or `{}`.

    A string that is no JSON would make llama.cpp answer 500 to every later request that holds it.
    """
    try:
        given = json.loads(arguments, parse_constant=_refuse)
        json.dumps(given, ensure_ascii=False).encode()
        if isinstance(given, dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    found = loads(arguments) if arguments.strip() else {}
    return _dumps(found) if isinstance(found, dict) else "{}"


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
    return ToolCall(id=new_call_id(), name=name, arguments=_dumps(arguments))


def _outside_fences(text: str) -> str:
    """Fences blanked; one that stands in a call is part of it and stays."""
    return _CALL_OR_FENCE.sub(lambda match: match[0] if match[0][0] == "<" else "\0" * len(match[0]), text)


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
        calls.append(ToolCall(id=new_call_id(), name=name, arguments=_dumps(arguments)))
    return calls


def _typed(value: str) -> Any:
    lowered = value.strip().lower()
    if lowered in {"true", "false", "null", "none"}:
        return {"true": True, "false": False}.get(lowered)
    try:
        return json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
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
    if is_json(text) and (calls := _json_calls(text, tools)):  # marks inside its strings mean nothing
        return TextCalls(tuple(calls), "json")
    visible = _THINK.sub("", text)
    bare = _outside_fences(visible)
    for dialect, read in (("qwen3-coder", _functions), ("hermes", _hermes)):
        calls = read(bare, tools)
        if calls:
            opener = re.search(r"<tool_call>|<function=", bare)
            return TextCalls(tuple(calls), dialect, visible[: opener.start() if opener else 0].strip())
    fences = list(_FENCE.finditer(visible))
    stripped = visible.strip()
    if stripped.startswith(("{", "[")) and not fences and (calls := _json_calls(stripped, tools)):
        return TextCalls(tuple(calls), "json", "")
    if len(fences) == 1:
        calls, dialect = _fenced_calls(fences[0], tools)
        if calls:
            return TextCalls(tuple(calls), dialect, visible[: fences[0].start()].strip())
    return TextCalls(content=stripped)


def _fenced_calls(fence: re.Match[str], tools: Mapping[str, Mapping[str, Any]]) -> tuple[list[ToolCall], str]:
    """The calls in a reply's only fence, and the dialect."""
    language, body = fence[1].lower(), fence[2]
    if language in {"json", "tool_call", "tool_code", ""} and body.lstrip().startswith(("{", "[")):
        calls = _json_calls(body, tools)
        if calls:
            return calls, "json fence"
    if language in {"", "xml", "tool_call"}:
        calls = _functions(body, tools) or _hermes(body, tools)
        if calls:
            return calls, "fenced call"
    if language in {"bash", "sh", "shell"} and "shell" in tools and body.strip():
        arguments = _dumps({"command": body.strip()})
        return [ToolCall(id=new_call_id(), name="shell", arguments=arguments)], "bash fence"
    return [], ""


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
