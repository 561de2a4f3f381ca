"""Markdown code fences: code for the reader, unless a reply's only fence is a call."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.model.dialects.base import Dialect, ParseContext, ParseResult
from agent.model.dialects.families import parse_at
from agent.model.dialects.hermes import json_call
from agent.model.dialects.json_text import dumps, skip_blanks
from agent.model.dialects.objects import parse_objects
from agent.model.types import ToolCall

FIRST_LINE = r"(`{3,16}+)[ \t]{0,8}+([\w+-]{0,40}+)[^\n`]{0,100}+"
_OPENER = re.compile(rf"{FIRST_LINE}(?:\n|\Z)")
CALL_LANGUAGES = {"", "json", "xml", "tool_call", "tool_calls", "tool_code"}
"""The info strings of fences that may hold calls."""
SHELL_LANGUAGES = {"bash", "sh", "shell"}
BLANKS = r"\s{0,100}+"
"""White space before the call in a fence, as a regular expression."""
_BODY = re.compile(rf"{BLANKS}(?=[{{\[<])")


@dataclass(frozen=True)
class Fence:
    """A fence that ends at index `end`, the calls that it is if it is the reply's only fence, and their dialect."""

    end: int
    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""


def parse_fence(context: ParseContext, at: int) -> Fence:
    """The fence whose backticks begin at `at`; where it isn't closed it ends with the text, or the thought it is in.

    Backticks inside a call do not close it.
    """
    opener = _OPENER.match(context.text, at)
    if opener is None:  # ticks inside a line
        return Fence(at + len("```"))
    language = opener[2].lower()
    start = after = opener.end()
    calls: tuple[ToolCall, ...] = ()
    dialect = ""
    if language in CALL_LANGUAGES and _BODY.match(context.text, start):
        context.exact = True
        after, calls, dialect = _calls(context, skip_blanks(context.text, start))
        context.exact = False
    closing = re.compile(rf"{opener[1]}|</think>").search(context.text, after)
    thought = closing is not None and closing[0] == "</think>"
    end = closing.start() if closing else len(context.text)
    if language in SHELL_LANGUAGES:
        calls, dialect = _command(context, context.text[start:end].strip()), "bash fence"
    elif context.text[after:end].strip():
        calls = ()  # there is more in it than the calls
    return Fence(end if closing is None or thought else closing.end(), () if thought else calls, dialect)


def _calls(context: ParseContext, at: int) -> tuple[int, tuple[ToolCall, ...], str]:
    """The calls from `at` on: the index of their end, the calls, their dialect."""
    if context.text[at] in "{[":
        objects = parse_objects(context, at)
        if objects is None:
            return at, (), ""
        return objects.end, objects.calls if objects.all_calls else (), "json fence"
    calls: tuple[ToolCall, ...] = ()
    found: ParseResult | None
    while (found := parse_at(context, skip_blanks(context.text, at))) and found.end > at:
        at, calls = found.end, calls + found.calls
    return at, calls, "fenced call"


def _command(context: ParseContext, command: str) -> tuple[ToolCall, ...]:
    return context.calls_of("shell", dumps({"command": command})) if command and "shell" in context.tools else ()


def write(name: str, arguments: str) -> str:
    """A call as JSON in a fence."""
    return f"```json\n{json_call(name, arguments)}\n```"


DIALECT = Dialect("json", "```json\n", write)
