"""JSON as models write it: read with patience, its places in the text known, its own bytes kept."""

from __future__ import annotations

import json
import re
from typing import Any

# What is repaired, in characters, levels of nesting, and strings and brackets in all: a repair takes time by the
# product of these, and what a model in a loop writes would take minutes.
_MAX_CHARACTERS = 50_000
_MAX_DEPTH = 8
_MAX_TOKENS = 200
_OPENING = {"}": "{", "]": "[", ")": "("}
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)  # raw line breaks in strings are kept
_BLANKS = re.compile(r"\s*+")
_MARK = r"</?(?:tool|function|parameter|invoke|arg_)|</?[|｜]|\[TOOL_CALLS\]|to=functions\.|```|</think>"
_TOKEN = re.compile(
    rf"""(?P<mark>{_MARK})|"(?:[^"\\]++|\\(?:.|\Z))*+(?:"|\Z)|'(?:[^'\\]++|\\(?:.|\Z))*+(?:'|\Z)|\\(?:.|\Z)"""
    r"|(?P<open>[\[{(])|(?P<close>[\]})])",
    re.DOTALL,
)
_PIECE = re.compile(
    r"""\"(?:[^"\\]++|\\.)*+"?|'(?:[^'\\]++|\\.)*+'?|(?P<open>[\[{(])|(?P<close>[\]})])|[`“”]|//|/\*|\#""",
    re.DOTALL,
)


def loads(text: str) -> Any:
    """JSON, repaired where it is broken; None when nothing sensible is in it."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        return None
    except ValueError:
        pass
    if not _is_repairable(text):
        return None
    from json_repair import repair_json

    try:
        found = repair_json(text, return_objects=True)
    except Exception:  # whatever a repair stumbles over (its assertions, recursion, endless digits), it is no JSON
        return None
    return found if found != "" else None


def is_json(text: str) -> bool:
    """Whether a text is JSON, as far as this machine can tell: not when it is nested beyond all reason."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def dumps(value: Any) -> str:
    """JSON that every server takes: no half of a surrogate pair."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def reject_constant(constant: str) -> Any:
    """For `parse_constant`: NaN and Infinity are Python's JSON, not that of servers."""
    raise ValueError(f"{constant} is no JSON")


def arguments_json(arguments: str) -> str:
    """An arguments string that is a JSON object: the very same one, or its repair, or `{}`.

    A string that is no JSON would make llama.cpp answer 500 to every later request that holds it.
    """
    try:
        given = json.loads(arguments, parse_constant=reject_constant)
        json.dumps(given, ensure_ascii=False).encode()
        if isinstance(given, dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    found = loads(arguments) if arguments.strip() else {}
    return dumps(found) if isinstance(found, dict) else "{}"


def _is_repairable(text: str) -> bool:
    """Whether a text is simple enough for a repair. Brackets of each kind nest by themselves, as a repair sees them."""
    if len(text) > _MAX_CHARACTERS:
        return False
    depths = {"{": 0, "[": 0, "(": 0}
    for number, piece in enumerate(_PIECE.finditer(text), 1):
        if piece["open"]:
            depths[piece[0]] += 1
        elif piece["close"]:
            opening = _OPENING[piece[0]]
            depths[opening] = max(0, depths[opening] - 1)
        if number > _MAX_TOKENS or max(depths.values()) > _MAX_DEPTH:
            return False
    return True


def end_of_value(text: str, at: int) -> int:
    """Where what begins with a bracket at `at` ends, strings understood: at its last bracket, or before a mark of
    any dialect outside strings, or with the text.

    Walking on from every mark in turn stays linear: what a scan does with quotes is a permutation of its three states
    (outside, in either kind of string), so of all walks that see a later mark inside a string at most three go on.
    """
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token.lastgroup == "mark":
            return token.start()
        if token.lastgroup == "open":
            depth += 1
        elif token.lastgroup == "close":
            depth -= 1
            if depth <= 0:
                return token.end()
    return len(text)


def value_at(text: str, at: int) -> tuple[Any, int, bool] | None:
    """The JSON value that begins at `at`, where it ends, and whether it is sound (not repaired); None if there is
    none."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        return None
    except ValueError:
        end = end_of_value(text, at)
        value = loads(text[at:end])
        return None if value is None else (value, end, False)
    return value, end, True


def skip_blanks(text: str, at: int) -> int:
    """The place of the first character from `at` on that is no blank."""
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def members(text: str, at: int) -> list[tuple[str, int, int]]:
    """Key (empty in an array), start and end of each member of the sound JSON object or array that begins at `at`."""
    closing = "}" if text[at] == "{" else "]"
    found: list[tuple[str, int, int]] = []
    at = skip_blanks(text, at + 1)
    while text[at] != closing:
        key = ""
        if closing == "}":
            key, at = _DECODER.raw_decode(text, at)
            at = skip_blanks(text, skip_blanks(text, at) + 1)
        end = _DECODER.raw_decode(text, at)[1]
        found.append((key, at, end))
        at = skip_blanks(text, end)
        if text[at] == ",":
            at = skip_blanks(text, at + 1)
    return found
