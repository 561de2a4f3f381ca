"""Values converted to the type of their schema, where only one conversion is possible."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from agent.model.dialects.json_text import dumps, reject_constant

_WHOLE = re.compile(r"[+-]?\d{1,18}(?:\.0+)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?")
_SHELLS = {"bash", "sh", "/bin/bash", "/bin/sh"}


def coerce_value(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    """The value converted to the schema's type; the same object when it can't or need not be converted."""
    kinds = _kinds(schema)
    if any(_is(kind, value) for kind in kinds):
        return value
    for kind in kinds:
        found = _ATTEMPTS[kind](name, value, schema) if kind in _ATTEMPTS else value
        if found is not value and _is(kind, found):
            return found
    return value


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """The types that a schema allows; empty when it names none."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return [each for each in kind if isinstance(each, str)]
    options = schema.get("anyOf") or schema.get("oneOf") or []
    return [each["type"] for each in options if isinstance(each, Mapping) and isinstance(each.get("type"), str)]


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types: dict[str, type | tuple[type, ...]] = {
        "string": str, "integer": int, "number": (int, float), "array": list, "object": dict, "null": type(None),
    }  # fmt: skip
    return kind in types and isinstance(value, types[kind])


def _integer(_name: str, value: Any, _schema: Mapping[str, Any]) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return value


def _number(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    whole = _integer(name, value, schema)
    if whole is value and isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        found = float(value)
        return value if found in {float("inf"), float("-inf")} else found
    return whole


def _boolean(_name: str, value: Any, _schema: Mapping[str, Any]) -> Any:
    word = value.strip().lower() if isinstance(value, str) else ""
    return {"true": True, "false": False}.get(word, value)


def _string(name: str, value: Any, _schema: Mapping[str, Any]) -> Any:
    if isinstance(value, bool | int | float):
        return dumps(value)
    if isinstance(value, list) and name == "command" and value and all(isinstance(each, str) for each in value):
        if len(value) == 3 and value[0] in _SHELLS and value[1] in {"-c", "-lc"}:
            return value[2]  # the tool runs it in a shell anyway
        return value[0] if len(value) == 1 else shlex.join(value)
    if isinstance(value, dict) and name == "content":
        return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return value


def _object(_name: str, value: Any, _schema: Mapping[str, Any]) -> Any:
    return _parsed(value)


def _array(_name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    found = _parsed(value)
    items = schema.get("items")
    if isinstance(found, str) and isinstance(items, Mapping) and items.get("type") == "string":
        return [found]
    return found


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=reject_constant)
    except (ValueError, RecursionError):
        return value


_ATTEMPTS: dict[str, Callable[[str, Any, Mapping[str, Any]], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
    "object": _object,
    "array": _array,
}
