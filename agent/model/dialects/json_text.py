"""JSON as models write it: repaired where it is broken, its positions in the text known, its own bytes kept."""

from __future__ import annotations

import json
import re
from typing import Any

# Bounds of what is repaired, in characters, levels of nesting, and strings and brackets in all. A repair takes time in
# proportion to their product: the output of a model in a loop would take minutes.
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
    """The value of a JSON text, repaired where it is broken; None when that is not possible."""
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
    """Whether a text is JSON; not when it is nested too deeply for Python's parser."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def dumps(value: Any) -> str:
    """JSON that every server takes: halves of surrogate pairs replaced."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def reject_constant(constant: str) -> Any:
    """For `parse_constant`. Raises `ValueError`: NaN and Infinity are JSON for Python, not for servers."""
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
    """Whether a text is within the bounds. Each kind of bracket is counted by itself, as `json_repair` does."""
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
    """The index after the value whose bracket is at `at`: after its closing bracket, or before the markup of any
    dialect outside strings, or the text's end.

    Scanning from every mark in turn stays linear: what a scan does with quotes is a permutation of its three states
    (outside, in either kind of string), so of all scans that see a later mark inside a string at most three go on.
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
    """The JSON value at index `at`, the index after it, and whether it is valid (not repaired); None if there is
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
    """The index of the first character from `at` on that is no white space."""
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def members(text: str, at: int) -> list[tuple[str, int, int]]:
    """Key (empty in an array), start and end of each member of the valid JSON object or array at index `at`."""
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
