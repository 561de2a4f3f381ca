"""Calls that are JSON objects: `{"name", "arguments"}` and its kin, one, several, or in an array."""

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
    """Calls read one after the other, where they end, whether every value was a call, and whether all were sound."""

    calls: tuple[ToolCall, ...]
    end: int
    all_calls: bool
    sound: bool


def parse_objects(context: ParseContext, at: int) -> ObjectCalls | None:
    """The JSON values that stand from `at` on, several with nothing but `;`, `,` or blanks between; None if none."""
    calls: list[ToolCall] = []
    end, all_calls, sound = at, True, True
    while begins := _NEXT.match(context.text, end):
        start = begins.end()
        read = value_at(context.text, start)
        if read is None:
            break
        value, end, whole = read
        sound = sound and whole
        for each, place in _values(context.text, value, start if whole else None):
            made = _call(context, each, place)
            calls.extend(made)
            all_calls = all_calls and bool(made)
    if end == at:
        return None
    return ObjectCalls(tuple(calls), end, all_calls and bool(calls), sound)


def _values(text: str, value: Any, place: int | None) -> list[tuple[Any, int | None]]:
    if not isinstance(value, list):
        return [(value, place)]
    if place is None:
        return [(each, None) for each in value]
    places = [start for _, start, _ in members(text, place)]
    return list(zip(value, places, strict=True))


def _call(context: ParseContext, value: Any, place: int | None) -> tuple[ToolCall, ...]:
    """The call that `value` is; with the arguments' own bytes where it stands soundly in the text at `place`."""
    if not isinstance(value, dict):
        return ()
    if isinstance(value.get("function"), dict):
        value, place = value["function"], _member_start(context.text, place, "function")
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
    own = _member_text(context.text, place, key) if key else None
    return context.calls_of(name, arguments_json(own) if own else dumps(arguments))


def _member_span(text: str, place: int | None, key: str) -> tuple[int, int] | None:
    if place is None:
        return None
    return {name: (start, end) for name, start, end in members(text, place)}.get(key)  # the last of equal keys counts


def _member_start(text: str, place: int | None, key: str) -> int | None:
    span = _member_span(text, place, key)
    return span[0] if span else None


def _member_text(text: str, place: int | None, key: str) -> str | None:
    span = _member_span(text, place, key)
    return text[span[0] : span[1]] if span else None
