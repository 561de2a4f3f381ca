"""Calls that are JSON objects: `{"name", "arguments"}` and its variants; one, several, or in an array."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent.model.dialects.base import ParseContext
from agent.model.dialects.json_text import arguments_json, dumps, loads, members, value_at
from agent.model.types import ToolCall

_NAMES = ("name", "tool", "function", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args")
_NEXT = re.compile(r"[\s;,]*+(?=[{\[])")


@dataclass(frozen=True)
class ObjectCalls:
    """Calls one after the other, the index after them, whether every value was a call, and whether all were valid."""

    calls: tuple[ToolCall, ...]
    end: int
    all_calls: bool
    valid: bool


def parse_objects(context: ParseContext, at: int) -> ObjectCalls | None:
    """The JSON values from index `at` on, with nothing but `;`, `,` or white space between them; None if none."""
    calls: list[ToolCall] = []
    end, all_calls, valid = at, True, True
    while begins := _NEXT.match(context.text, end):
        start = begins.end()
        parsed = value_at(context.text, start)
        if parsed is None:
            break
        value, end, whole = parsed
        valid = valid and whole
        for each, index in _values(context.text, value, start if whole else None):
            found = _call(context, each, index)
            calls.extend(found)
            all_calls = all_calls and bool(found)
    if end == at:
        return None
    return ObjectCalls(tuple(calls), end, all_calls and bool(calls), valid)


def _values(text: str, value: Any, at: int | None) -> list[tuple[Any, int | None]]:
    if not isinstance(value, list):
        return [(value, at)]
    if at is None:
        return [(each, None) for each in value]
    starts = [start for _, start, _ in members(text, at)]
    return list(zip(value, starts, strict=True))


def _call(context: ParseContext, value: Any, at: int | None) -> tuple[ToolCall, ...]:
    """The call that `value` is; its arguments keep their bytes where it is valid JSON in the text, at index `at`."""
    if not isinstance(value, dict):
        return ()
    if isinstance(value.get("function"), dict):
        value, at = value["function"], _member_start(context.text, at, "function")
    name = next((value[key] for key in _NAMES if value.get(key)), None)
    key = next((key for key in _ARGUMENTS if key in value), None)
    arguments = value[key] if key else {}
    if not isinstance(name, str) or context.resolve_tool(name) is None:
        return ()
    if isinstance(arguments, str):
        if not isinstance(loads(arguments), dict):
            return ()
        return context.calls_of(name, arguments_json(arguments))
    if arguments is None:
        arguments, key = {}, None
    if not isinstance(arguments, dict):
        return ()
    own = _member_text(context.text, at, key) if key else None
    return context.calls_of(name, arguments_json(own) if own else dumps(arguments))


def _member_span(text: str, at: int | None, key: str) -> tuple[int, int] | None:
    if at is None:
        return None
    return {name: (start, end) for name, start, end in members(text, at)}.get(key)  # the last of equal keys counts


def _member_start(text: str, at: int | None, key: str) -> int | None:
    span = _member_span(text, at, key)
    return span[0] if span else None


def _member_text(text: str, at: int | None, key: str) -> str | None:
    span = _member_span(text, at, key)
    return text[span[0] : span[1]] if span else None
