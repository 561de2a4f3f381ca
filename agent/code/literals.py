"""The plain Python values that a text writes, in prose as in code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.code.python_ast import written_literal

MAX_CHARACTERS = 20_000
"""Of a text that are read for code and values; longer ones are logs."""
_MAX_PIECES = 400  # literals and calls of a text that are looked at
_MAX_EXPRESSION = 2_000  # characters
_VALUE = re.compile(
    r"^[ \t]*\d+[.)](?=\s)|(?:#|\b(?:lines?|version|python|ticket|issue|since|release)[ \t])[ \t]*v?\d[\d.]*\b"
    r"|(?P<call>[A-Za-z_][\w.]*[(\[])|(?P<bracket>[(\[{])"
    r"|(?<![\w.\])=#])(?<!\w\*\*)(?<!\)\*\*)"  # no part of a name, no named argument, not the 2 of `x**2`
    r"(?P<plain>-?\d+(?:\.\d+)?|None|True|False|'[^'\n]*'|\"[^\"\n]*\")"
    r"(?![\w(\[]|\.\w|\*[\w(])",  # nor that of `2*x`
    re.MULTILINE | re.IGNORECASE,
)
"""A value, a call, or a bracket that may open a value; without a group the numbers of list items, versions, lines."""


def values_in(text: str) -> Iterator[tuple[int, str]]:
    """The outermost literals of a text, each with its place; the arguments of a call are none."""
    at = 0
    for _ in range(_MAX_PIECES):
        match = _VALUE.search(text, at, MAX_CHARACTERS)
        if match is None:
            return
        at = match.end()
        end = at if match["plain"] else closing(text, at - 1)
        if match["plain"] and (value := written_literal(match["plain"])):
            yield match.start(), value
        elif match["call"]:
            at = end
            while text[at : at + 1] in {"(", "["}:  # `f(a)(b)`
                at = closing(text, at)
        elif match["bracket"] and (value := written_literal(text[match.start() : end])):
            yield match.start(), value
            at = end


def closing(text: str, at: int) -> int:
    """The place behind the bracket that closes the one at `at`; behind the opening one where none does."""
    depth, quote = 0, ""
    for place in range(at, min(len(text), at + _MAX_EXPRESSION)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[({":
            depth += 1
        elif letter in "])}":
            depth -= 1
            if depth == 0:
                return place + 1
    return at + 1
