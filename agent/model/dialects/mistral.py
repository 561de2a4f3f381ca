"""Mistral: `[TOOL_CALLS]F[ARGS]{…}`, several in a row; Nemo and before: `[TOOL_CALLS][{"name": …, "arguments": …}]`.

The formats are those of Mistral's tokenizers (v11 and later, v3); some put `[CALL_ID]…` before `[ARGS]`.
"""

from __future__ import annotations

import re

from agent.model.dialects.base import NAME, Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json, dumps, value_at
from agent.model.dialects.objects import parse_objects

OPENER = r"\[TOOL_CALLS\]"
_ARRAY = re.compile(rf"{OPENER}\s*+(?=[{{\[])")
_CALL = re.compile(rf"{OPENER}\s*+({NAME})\s*+(?:\[CALL_ID\]\s*+\w{{1,64}}+\s*+)?(?:\[ARGS\]\s*+)?(?=\{{)")


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The calls after the token at `at`: one by name, or all of an array."""
    if array := _ARRAY.match(context.text, at):
        objects = parse_objects(context, array.end())
        return ParseResult(objects.end, objects.calls, "mistral") if objects else None
    begins = _CALL.match(context.text, at)
    parsed = value_at(context.text, begins.end()) if begins else None
    if begins is None or parsed is None or not isinstance(parsed[0], dict):
        return None
    value, end, valid = parsed
    own = context.text[begins.end() : end] if valid else dumps(value)
    return ParseResult(end, context.calls_of(begins[1], arguments_json(own)), "mistral")


def write(name: str, arguments: str) -> str:
    """A call after its token."""
    return f"[TOOL_CALLS]{name}[ARGS]{arguments_json(arguments)}"


DIALECT = Dialect("mistral", "[TOOL_CALLS]", write, "The arguments are one JSON object.")

FAMILY = Family("mistral", OPENER, ("[TOOL_CALLS]",), parse, DIALECT)
