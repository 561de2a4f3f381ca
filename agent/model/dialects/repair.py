"""Repairs a call before it runs (tool name, argument names, values), with notes that say so to the model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.model.dialects.base import Tools
from agent.model.dialects.coerce import coerce_value
from agent.model.dialects.json_text import arguments_json, dumps
from agent.model.dialects.names import normalized, resolve_argument, resolve_tool

_WRAPPERS = {"arguments", "parameters", "args", "kwargs", "params", "input"}
_EDITORS = {"strreplaceeditor", "strreplacebasededittool"}
_EDITOR_COMMANDS = {"view": "read_file", "create": "write_file", "str_replace": "edit_file"}


@dataclass(frozen=True)
class Repaired:
    """A call as it is to be run; `notes` has a sentence for the model on each change."""

    name: str
    arguments: str
    notes: tuple[str, ...] = ()


@dataclass
class _Repair:
    given: dict[str, Any]
    schema: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def properties(self) -> Mapping[str, Any]:
        found = self.schema.get("properties")
        return found if isinstance(found, Mapping) else {}

    def note(self, text: str) -> None:
        self.notes.append(text.encode("utf-8", "replace").decode())


def repair_call(name: str, arguments: str, tools: Tools) -> Repaired:
    """The call with what is unambiguously meant in place of what was written.

    Where two readings are possible nothing is changed, and the tool's own validation answers. A call that needs no
    repair keeps its name and arguments byte for byte.
    """
    given, note = _given(arguments)
    tool = _tool(name, given, tools)
    if tool is None or given is None:
        return Repaired(name, arguments)
    repair = _Repair(dict(given), tools[tool])
    if tool != name:
        repair.note(f"There is no tool `{name[:80]}`; `{tool}` was run.")
    if note:
        repair.note(note)
    if normalized(name) in _EDITORS:
        _as_editor(repair)
    _unwrap(repair)
    _rename(repair)
    _coerce(repair)
    changed = (
        bool(note)
        or not arguments.strip()
        or list(repair.given.items()) != list(given.items())
        or dumps(repair.given) != dumps(given)
    )
    return Repaired(tool, dumps(repair.given) if changed else arguments, tuple(repair.notes))


def _given(arguments: str) -> tuple[dict[str, Any] | None, str]:
    """The arguments as an object (None when they can't be parsed), and a note when their JSON had to be repaired."""
    stored = arguments_json(arguments)
    if stored == arguments:
        return json.loads(arguments), ""
    if stored == "{}":  # nothing could be made of it
        return ({}, "") if not arguments.strip() else (None, "")
    return json.loads(stored), "The arguments were not valid JSON; they were mended."


def _tool(name: str, given: dict[str, Any] | None, tools: Tools) -> str | None:
    if name not in tools and normalized(name) in _EDITORS:
        command = (given or {}).get("command")
        if isinstance(command, str):
            tool = _EDITOR_COMMANDS.get(command)
            return tool if tool in tools else None
    return resolve_tool(name, tools)


def _as_editor(repair: _Repair) -> None:
    """Anthropic's editor tool: its `command` has selected the tool, and lines come as a pair."""
    if "command" not in repair.properties:
        repair.given.pop("command", None)
    lines = coerce_value("view_range", repair.given.get("view_range"), {"type": "array"})
    wanted = ("start_line", "end_line")
    pair = isinstance(lines, list) and len(lines) == 2 and all(isinstance(line, int) for line in lines)
    if isinstance(lines, list) and pair and all(key in repair.properties for key in wanted):
        del repair.given["view_range"]
        repair.given |= {key: line for key, line in zip(wanted, lines, strict=True) if line > 0}
        repair.note("`view_range` was taken as `start_line` and `end_line`.")


def _unwrap(repair: _Repair) -> None:
    """Unwrap arguments that are nested one level too deep."""
    if len(repair.given) != 1:
        return
    ((key, value),) = repair.given.items()
    if key in _WRAPPERS and key not in repair.properties and isinstance(value, dict):
        repair.given = dict(value)
        repair.note(f"What stood in `{key}` was taken as the arguments.")


def _rename(repair: _Repair) -> None:
    """Rename arguments that the tool does not have, where they mean one that is missing."""
    properties = repair.properties
    missing = [key for key in properties if key not in repair.given]
    meant = {key: resolve_argument(key, missing) for key in repair.given if key not in properties}
    times = Counter(meant.values())
    renames = {
        key: wanted
        for key, wanted in meant.items()
        if wanted and times[wanted] == 1 and not _other_unit(key, repair.given[key])
    }
    for key, wanted in renames.items():
        repair.note(f"`{key[:80]}` was taken as `{wanted}`.")
    repair.given = {renames.get(key, key): value for key, value in repair.given.items()}


def _other_unit(key: str, value: Any) -> bool:
    """Whether a plain `timeout` may be in milliseconds, as in some harnesses."""
    seconds = coerce_value(key, value, {"type": "number"})
    return normalized(key) == "timeout" and not (isinstance(seconds, int | float) and 1 <= seconds < 1000)


def _coerce(repair: _Repair) -> None:
    required = repair.schema.get("required") or []
    for key, value in list(repair.given.items()):
        schema = repair.properties.get(key)
        if not isinstance(schema, Mapping):
            continue
        found = coerce_value(key, value, schema)
        if found is not value:
            repair.given[key] = found
            repair.note(f"`{key}` was taken as {_described(value, found)}.")
        elif value is None and key not in required and "null" not in dumps(schema.get("type", "")):
            del repair.given[key]
            repair.note(f"`{key}` was null and was left out.")


def _described(value: Any, found: Any) -> str:
    if isinstance(value, list) and isinstance(found, str):
        return f"the one command `{found[:200]}`"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    shown = f" {dumps(found)}" if isinstance(found, bool | int | float) else ""
    return f"{'an' if kinds[type(found)][0] in 'aio' else 'a'} {kinds[type(found)]}{shown}"
