"""Llama 3: `{"name": F, "parameters": {…}}`, `<|python_tag|>F.call(k="v")`; Llama 4 and others: `[f(a=1), g(b="x")]`.

The formats are those of Meta's model cards and templates. Arguments in Python's syntax are literals or nothing.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from agent.model.dialects.base import NAME, Dialect, Found, Reading
from agent.model.dialects.json_text import arguments_json, dumps, extent
from agent.model.dialects.objects import read_objects
from agent.model.types import ToolCall

OPENER = r"<\|python_tag\|>"
_JSON = re.compile(rf"{OPENER}\s*+(?=[{{\[])")
_CALL = re.compile(rf"{OPENER}\s*+{NAME}\s*+(?=\()")
_PYTHONIC = re.compile(rf"\[\s*+{NAME}\s*+\(")
_WORDS = {"true": True, "false": False, "null": None}


def read(reading: Reading, at: int) -> Found | None:
    """The calls after the token at `at`."""
    text = reading.text
    if begins := _JSON.match(text, at):
        if _PYTHONIC.match(text, begins.end()):
            end = extent(text, begins.end())
            return Found(end, _python_calls(reading, text[begins.end() : end]), "llama3")
        objects = read_objects(reading, begins.end())
        return Found(objects.end, objects.calls, "llama3") if objects else None
    if begins := _CALL.match(text, at):
        end = extent(text, begins.end())
        source = text[at:end].removeprefix("<|python_tag|>").strip()
        calls = _python_calls(reading, f"[{source}]")
        return Found(end, calls, "llama3") if calls else None
    return None


def read_pythonic(reading: Reading, at: int) -> Found | None:
    """The calls of `[f(a=1), g(b="x")]` at `at`; None unless all of it is calls of tools by their own names."""
    if not _PYTHONIC.match(reading.text, at):
        return None
    end = extent(reading.text, at)
    calls = _python_calls(reading, reading.text[at:end])
    return Found(end, calls, "pythonic") if calls else None


def _python_calls(reading: Reading, source: str) -> tuple[ToolCall, ...]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that Python does not know
            tree = ast.parse(source, mode="eval").body
        if not isinstance(tree, ast.List):
            return ()
        found = [_call(reading, each) for each in tree.elts]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return ()
    return tuple(call for calls in found for call in calls) if all(found) else ()


def _call(reading: Reading, node: ast.expr) -> tuple[ToolCall, ...]:
    """The call a node is; raises `ValueError` for arguments that are no literals."""
    if not isinstance(node, ast.Call) or node.args:
        return ()
    name = ast.unparse(node.func)
    arguments: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            return ()
        arguments[keyword.arg] = _literal(keyword.value)
    return reading.call(name.removesuffix(".call"), arguments_json(dumps(arguments)))


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    value = ast.literal_eval(node)
    if not isinstance(value, str | int | float | bool | list | dict | tuple | None):
        raise ValueError(f"{type(value).__name__} has no JSON")
    return value


def write(name: str, arguments: str) -> str:
    """A call as one JSON object, with Llama's own word for the arguments."""
    return f'{{"name": {dumps(name)}, "parameters": {arguments_json(arguments)}}}'


DIALECT = Dialect("llama3", '{"name": "', write, "The reply is this one JSON object and nothing else.")
