"""The values that a text names as they are written, and which of them it expects."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

MOST_LETTERS = 20_000
"""Of an issue that are read for code, calls and values."""
MOST_VALUES = 8
_MOST_PIECES = 400
_SPAN = re.compile(r"```[\w+-]*\n(?P<block>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
_OPENING = re.compile(r"(?<![\w.])[\w.]{0,80}[\[({]")
_CHAINED = re.compile(r"\.\w+\(")
_ATOM = re.compile(
    r"(?<![\w.\])])(?<!\w\*\*)(?<!\)\*\*)"  # the 2 of `x**2` is no value
    r"(?:-?\d+(?:\.\d+)?|None|True|False|'[^'\n]*'|\"[^\"\n]*\")"
    r"(?![\w(\[]|\.\w|\*[\w(])"  # nor that of `2*x`
)
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.|In \[\d+\]:)\s?")
_BEFORE_A_NUMBER = re.compile(
    r"(?:#|(?<![=!<>])=|\b(?:lines?|version|python|ticket|issue|since|release|v))\s*$", re.IGNORECASE
)
"""What makes a number no result: a named argument's, an issue's, a version's."""
_ITEM = re.compile(r"(?:^|\n)\s*$")
_EXPECTS = re.compile(
    r"\b(?:should|expect\w*|correct\w*|instead of|must|want\w*|right)\b(?:(?!\n\s*\n|\n\s*#|[.;]\s).){0,80}"
    r"(?:\s*^\s*(?:```|~~~)[^\n]*\n[^`~]{0,400})?",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
"""A word that tells of what is right, what is left of its sentence, and a block that follows."""


def values_in(text: str) -> dict[str, list[int]]:
    """The values that a text names → where they stand; what is part of a call or of a longer value is left out."""
    values: dict[str, list[int]] = {}
    inside: list[tuple[int, int]] = []
    for at, piece in pieces(text):
        node = expression(piece)
        if isinstance(node, ast.Call):
            inside.append((at, at + len(piece)))
        elif node is not None and is_literal(node) and not is_number_of_something(text, at, piece):
            values.setdefault(ast.unparse(node), []).append(at)
    drop_arguments(values, inside)
    drop_parts(values)
    return values


def expected_values(text: str) -> list[str]:
    """Those values that stand behind a word such as `should`, in order."""
    spans = [(start, start + len(part)) for start, part in expectations(text)]
    values = values_in(text)
    found = [each for each in values if any(start < at < end for at in values[each] for start, end in spans)]
    return sorted(found, key=lambda each: min(values[each]))[:MOST_VALUES]


def expectations(text: str) -> Iterator[tuple[int, str]]:
    """The stretches of a text that tell what is right: place, text."""
    for match in _EXPECTS.finditer(text):
        yield match.start(), match[0]


def is_number_of_something(text: str, at: int, piece: str) -> bool:
    """Whether what stands there is a named argument, or the number of an issue, a version, a line, a list's item."""
    before = text[max(at - 20, 0) : at]
    if not piece.strip("-").replace(".", "").isdigit():
        return before.endswith("=") and not before.endswith(("==", "!=", "<=", ">="))
    listed = bool(_ITEM.search(before)) and text[at + len(piece) :][:1] in {".", ")"}
    return listed or bool(_BEFORE_A_NUMBER.search(before))


def pieces(text: str) -> list[tuple[int, str]]:
    """Stretches of the issue that may be an expression: code spans, lines of blocks, bracketed text, plain values."""
    found: list[tuple[int, str]] = []
    for match in _SPAN.finditer(text):
        if match["span"]:
            found.append((match.start(), match["span"]))
            continue
        at = match.start("block")
        for line in match["block"].splitlines(keepends=True):
            found.append((at, _PROMPT.sub("", line).strip()))
            at += len(line)
    chained: list[tuple[int, int]] = []
    for match in _OPENING.finditer(text):
        end = _balanced(text, match.end() - 1)
        while end > 0 and (more := _CHAINED.match(text, end)):  # `Box(2).area()`
            end = _balanced(text, more.end() - 1)
        if end > 0 and not any(start <= match.start() < stop for start, stop in chained):
            chained.append((match.start(), end))
            found.append((match.start(), text[match.start() : end].strip(".")))
    found += [(match.start(), match[0]) for match in _ATOM.finditer(text)]
    return found[:_MOST_PIECES]


def _balanced(text: str, at: int) -> int:
    """The place after the bracket that closes the one at `at`; -1 when none does."""
    depth, quote = 0, ""
    for place in range(at, min(len(text), at + 2000)):
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
    return -1


def expression(text: str) -> ast.expr | None:
    """A text as an expression; None for what is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is a plain value."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def drop_arguments(values: dict[str, list[int]], inside: list[tuple[int, int]]) -> None:
    """Leave out values that stand only in calls: what is a call's own argument is no result."""
    for written, places in list(values.items()):
        free = [at for at in places if not any(start < at < end for start, end in inside)]
        if free:
            values[written] = free
        else:
            del values[written]


def drop_parts(values: dict[str, list[int]]) -> None:
    """Leave out values that stand only inside a longer one: the `540` of `[(540, 660)]`."""
    longest = sorted(values, key=len, reverse=True)
    taken: list[tuple[int, int]] = []
    for written in longest:
        places = [at for at in values[written] if not any(start <= at < end for start, end in taken)]
        if places:
            values[written] = places
            taken += [(at, at + len(written) + 2) for at in places]
        else:
            del values[written]
