"""Calls whose arguments are raw text between tags: the text may hold anything, also tags of the same kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.model.dialects.base import ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json, dumps, reject_constant, skip_blanks, value_at


def typed_value(raw: str, kind: str) -> Any:
    """A value by its schema's type: a string as it is, anything else as JSON, or as Python writes it."""
    if kind in {"", "string"}:
        return raw
    word = raw.strip()
    if word.lower() in {"true", "false", "null", "none"}:
        return {"true": True, "false": False}.get(word.lower())
    try:
        return json.loads(word, parse_constant=reject_constant)
    except (ValueError, RecursionError):
        return word


def strip_line_breaks(raw: str) -> str:
    """A value without the line break at each end, which separates it from its tags."""
    return raw.removeprefix("\n").removesuffix("\n")


Trim = Callable[[str], str]
"""The text between the tags → the value."""


class TaggedSyntax:
    """The tags of one dialect, as regular expressions.

    `call` is the start tag of a call, `argument` that of an argument (group 1 is its name; a group `string`, if there
    is one, says whether it is a string), `opening` and `closing` are optional tags round a call.
    """

    def __init__(
        self,
        *,
        call: str,
        end_call: str,
        argument: str,
        end_argument: str,
        opening: str,
        closing: str,
        trim: Trim = str,
    ) -> None:
        self._argument = re.compile(rf"\s*+{argument}")
        self._end = re.compile(rf"(?:\s*+{end_call})?(?:\s*+{closing})?")
        self._tag = re.compile(
            rf"(?P<call>(?:{opening}\s*+)?{call})|(?P<end_call>{end_call})|(?P<argument>{argument})"
            rf"|(?P<end_argument>{end_argument})|(?P<think></think>)"
        )
        self._structure = re.compile(rf"\s*+(?:{argument}|{end_call}|{call}|{opening}|{closing}|</think>|\Z)")
        self._end_of_call = re.compile(rf"\s*+(?:{opening}|{closing}|{call}|\Z)")
        self._trim = trim

    def parse(self, context: ParseContext, name: str, at: int) -> ParseResult | None:
        """The call of `name` whose arguments begin at `at`; None when there are neither arguments nor an end tag."""
        text = context.text
        kinds = context.argument_types(name)
        arguments: dict[str, Any] = {}
        start = at
        body = skip_blanks(text, at)
        if text.startswith("{", body) and (given := value_at(text, body)) and isinstance(given[0], dict):
            own = text[body : given[1]] if given[2] else dumps(given[0])
            return self._ended(context, name, given[1], arguments_json(own))
        while head := self._argument.match(text, at):
            value = self._value(context, head.end())
            if value is None:  # never closed, and what it runs into is the end of a thought
                return ParseResult(text.index("</think>", head.end()))
            raw = self._trim(text[head.end() : value.end])
            string = head.groupdict().get("string")
            key = head[1].strip()
            kind = {"true": "string", "false": "any"}.get(string or "", kinds.get(key, ""))
            arguments[key] = typed_value(raw, kind)
            at = value.next
        ended = self._ended(context, name, at, dumps(arguments))
        return ended if ended.end > start else None

    def _ended(self, context: ParseContext, name: str, at: int, arguments: str) -> ParseResult:
        end = self._end.match(context.text, at)
        return ParseResult(end.end() if end else at, context.calls_of(name, arguments))

    def _value(self, context: ParseContext, start: int) -> _Value | None:
        if context.nested:
            value = self._balanced(context.text, start)
            if value:
                return value
            context.nested = False
        return self._first_end(context.text, start)

    def _balanced(self, text: str, start: int) -> _Value | None:
        """The value up to its end tag, skipping whole calls inside it; None when the tags don't balance."""
        depth = 0
        for tag in self._tag.finditer(text, start):
            kind = tag.lastgroup
            own_line = text[tag.start() - 1] == "\n"
            if kind == "call":
                depth += 1
            elif kind == "end_call" and depth:
                depth -= 1
            elif depth:
                continue
            elif kind == "end_argument" and self._structure.match(text, tag.end()):
                return _Value(tag.start(), tag.end())
            elif own_line and (kind == "argument" or (kind == "end_call" and self._end_of_call.match(text, tag.end()))):
                return _Value(tag.start(), tag.start())
        return None

    def _first_end(self, text: str, start: int) -> _Value | None:
        """The value up to the first tag that may end it, or the text's end."""
        for tag in self._tag.finditer(text, start):
            kind = tag.lastgroup
            if kind == "think":
                return None
            if kind == "end_argument":
                if self._structure.match(text, tag.end()):
                    return _Value(tag.start(), tag.end())
            elif kind != "call" or text[tag.start() - 1] == "\n":
                return _Value(tag.start(), tag.start())
        return _Value(len(text), len(text))


@dataclass(frozen=True)
class _Value:
    """The index of a value's end, and the index after its end tag."""

    end: int
    next: int


def write_raw(value: Any) -> str:
    """A value as text between tags: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else dumps(value)


def round_trips(
    parser: Callable[[ParseContext, int], ParseResult | None], written: str, name: str, arguments: dict[str, Any]
) -> bool:
    """Whether a written call parses back to the same call, by a schema with the arguments' types."""
    kinds = {key: {"type": "string" if isinstance(value, str) else "any"} for key, value in arguments.items()}
    found = parser(ParseContext(written, {name: {"properties": kinds}}, exact=True), 0)
    if found is None or found.end != len(written) or len(found.calls) != 1:
        return False
    return found.calls[0].name == name and bool(json.loads(found.calls[0].arguments) == arguments)
