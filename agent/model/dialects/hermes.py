"""Hermes and Qwen2.5: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.

Source: NousResearch's Hermes templates, which Qwen2.5 and Qwen3 took over. Models also write `<function_call>` or
`<tools>` for the tag, put the JSON into a fence, leave either tag out, or put several objects into one.
"""

from __future__ import annotations

import re

from agent.model.dialects.base import Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json, dumps
from agent.model.dialects.objects import parse_objects

OPENER = r"<(?:tool_call|function_call|tools)>\s*+(?:```\w*+\s*+)?(?=[{\[])"
_OPENER = re.compile(OPENER)
_CLOSER = re.compile(r"\s*+(?:```\s*+)?(?:</(?:tool_call|function_call|tools)>)?")
_ORPHAN = re.compile(r"\s*+(?:```\s*+)?</tool_call>")


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The calls of the tag at index `at`."""
    begins = _OPENER.match(context.text, at)
    objects = parse_objects(context, begins.end()) if begins else None
    if objects is None:
        return None
    closer = _CLOSER.match(context.text, objects.end)
    return ParseResult(closer.end() if closer else objects.end, objects.calls, "hermes")


def parse_orphan(context: ParseContext, since: int, at: int) -> tuple[int, ParseResult] | None:
    """The index and the call before an end tag at `at` without a start tag: JSON that begins a line after `since`."""
    begins = context.text.find("\n{", since, at) + 1
    objects = parse_objects(context, begins) if begins else None
    if objects is None or not objects.all_calls:
        return None
    closer = _ORPHAN.match(context.text, objects.end)
    return (begins, ParseResult(closer.end(), objects.calls, "hermes")) if closer else None


def json_call(name: str, arguments: str) -> str:
    """A call as one JSON object; the arguments string is kept byte for byte."""
    return f'{{"name": {dumps(name)}, "arguments": {arguments_json(arguments)}}}'


def write(name: str, arguments: str) -> str:
    """A call between its tags."""
    return f"<tool_call>\n{json_call(name, arguments)}\n</tool_call>"


DIALECT = Dialect("hermes", '<tool_call>\n{"name": "', write)

FAMILY = Family("hermes", OPENER, ("<tool", "<function_call>", "</tool_call>"), parse, DIALECT)
