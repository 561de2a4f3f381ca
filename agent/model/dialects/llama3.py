"""Llama 3: `{"name": F, "parameters": {…}}`, `<|python_tag|>F.call(k="v")`; Llama 4 and others: `[f(a=1), g(b="x")]`.

Source: Meta's model cards and templates. Arguments in Python's syntax must be literals.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from agent.model.dialects.base import NAME, Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json, dumps, end_of_value
from agent.model.dialects.objects import parse_objects
from agent.model.types import ToolCall

OPENER = r"<\|python_tag\|>"
_JSON = re.compile(rf"{OPENER}\s*+(?=[{{\[])")
_CALL = re.compile(rf"{OPENER}\s*+{NAME}\s*+(?=\()")
_PYTHONIC = re.compile(rf"\[\s*+{NAME}\s*+\(")
_WORDS = {"true": True, "false": False, "null": None}


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The calls after the token at `at`."""
    text = context.text
    if begins := _JSON.match(text, at):
        if _PYTHONIC.match(text, begins.end()):
            end = end_of_value(text, begins.end())
            return ParseResult(end, _python_calls(context, text[begins.end() : end]), "llama3")
        objects = parse_objects(context, begins.end())
        return ParseResult(objects.end, objects.calls, "llama3") if objects else None
    if begins := _CALL.match(text, at):
        end = end_of_value(text, begins.end())
        source = text[at:end].removeprefix("<|python_tag|>").strip()
        calls = _python_calls(context, f"[{source}]")
        return ParseResult(end, calls, "llama3") if calls else None
    return None


def parse_pythonic(context: ParseContext, at: int) -> ParseResult | None:
    """The calls of `[f(a=1), g(b="x")]` at `at`; None unless all of it is calls of tools by their own names."""
    if not _PYTHONIC.match(context.text, at):
        return None
    end = end_of_value(context.text, at)
    calls = _python_calls(context, context.text[at:end])
    return ParseResult(end, calls, "pythonic") if calls else None


def _python_calls(context: ParseContext, source: str) -> tuple[ToolCall, ...]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that Python does not know
            tree = ast.parse(source, mode="eval").body
        if not isinstance(tree, ast.List):
            return ()
        found = [_call(context, each) for each in tree.elts]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return ()
    return tuple(call for calls in found for call in calls) if all(found) else ()


def _call(context: ParseContext, node: ast.expr) -> tuple[ToolCall, ...]:
    """The call of a syntax node. Raises `ValueError` for arguments that are no literals."""
    if not isinstance(node, ast.Call) or node.args:
        return ()
    name = ast.unparse(node.func)
    arguments: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            return ()
        arguments[keyword.arg] = _literal(keyword.value)
    return context.calls_of(name.removesuffix(".call"), arguments_json(dumps(arguments)))


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    value = ast.literal_eval(node)
    if not isinstance(value, str | int | float | bool | list | dict | tuple | None):
        raise ValueError(f"{type(value).__name__} has no JSON")
    return value


def write(name: str, arguments: str) -> str:
    """A call as one JSON object, whose key for the arguments is Llama's `parameters`."""
    return f'{{"name": {dumps(name)}, "parameters": {arguments_json(arguments)}}}'


DIALECT = Dialect("llama3", '{"name": "', write, "The reply is this one JSON object and nothing else.")

FAMILY = Family("llama3", OPENER, ("<|python_tag|>",), parse, DIALECT)
