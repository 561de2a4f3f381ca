"""Finding the place a model means: exactly, else by ever more patient rungs, never one of several.

Rungs: exact → line endings and trailing blanks ignored → indentation shifted as a whole.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

_COMPARED = 400  # characters of a candidate that are looked at closely: the time grows with their square


@dataclass(frozen=True)
class Match:
    """Lines `start` to `end` (0-based, end exclusive) are meant; `new` is the replacement made to fit there."""

    start: int
    end: int
    new: list[str]
    rung: str


def _strip(lines: list[str]) -> list[str]:
    return [line.rstrip() for line in lines]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _common_indent(lines: list[str]) -> str | None:
    """The indentation that all non-blank lines share; None when there is no such line."""
    found = [_indent(line) for line in lines if line.strip()]
    if not found:
        return None
    shortest = min(found, key=len)
    return shortest if all(each.startswith(shortest) for each in found) else ""


def _shifted(lines: list[str], by: tuple[str, str]) -> list[str]:
    old, new = by
    return [new + line[len(old) :] if line.strip() and line.startswith(old) else line for line in lines]


def _places(lines: list[str], wanted: list[str]) -> list[int]:
    count = len(wanted)
    if not count:
        return []
    first = wanted[0]
    return [at for at in range(len(lines) - count + 1) if lines[at] == first and lines[at : at + count] == wanted]


def find_lines(text: list[str], old: list[str], new: list[str]) -> list[Match]:
    """Every place where the lines `old` stand, from the first rung that finds any; lines without their ends."""
    for rung, left, right in (("line endings", text, old), ("trailing blanks", _strip(text), _strip(old))):
        places = _places(left, right)
        if places:
            return [Match(at, at + len(old), new, rung) for at in places]
    trimmed_old, trimmed_new = list(old), list(new)
    for end in (0, -1):  # blank lines around what is meant need not be there, so they are not put there either
        while trimmed_old and not trimmed_old[end].strip():
            trimmed_old.pop(end)
            if trimmed_new and not trimmed_new[end].strip():
                trimmed_new.pop(end)
    wanted = [line.strip() for line in trimmed_old]
    found = []
    indent = _common_indent(trimmed_old)
    for at in _places([line.strip() for line in text], wanted):
        region = text[at : at + len(wanted)]
        there = _common_indent(region)
        if indent is None or there is None:
            continue
        if _strip(_shifted(trimmed_old, (indent, there))) == _strip(region):
            found.append(Match(at, at + len(wanted), _shifted(trimmed_new, (indent, there)), "indentation"))
    return found


def line_ending(text: str) -> str:
    """CRLF where all lines of a text end so; in a mixed text it is LF, and a CR counts as a trailing blank."""
    return "\r\n" if text.count("\r\n") == text.count("\n") > 0 else "\n"


def apart(matches: list[Match]) -> list[Match]:
    """The matches that do not overlap one before."""
    kept: list[Match] = []
    for match in matches:
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def nearest(text: list[str], old: list[str], *, count: int = 2, context: int = 1) -> str:
    """The regions most like `old`, with line numbers, for a model whose edit did not match."""
    wanted = [line.strip() for line in old if line.strip()]
    if not wanted or not text:
        return ""
    size = max(len(old), 1)
    scored = []
    for at in range(max(len(text) - size, 0) + 1):
        region = [line.strip() for line in text[at : at + size] if line.strip()]
        shared = len(set(region) & set(wanted)) / len(set(wanted))
        scored.append((shared, at))
    scored.sort(key=lambda item: (-item[0], item[1]))
    joined = "\n".join(wanted)[:_COMPARED]
    best = []
    for _, at in scored[:40]:
        there = "\n".join(line.strip() for line in text[at : at + size])[:_COMPARED]
        best.append((difflib.SequenceMatcher(None, joined, there, autojunk=False).ratio(), at))
    best.sort(key=lambda item: (-item[0], item[1]))
    shown: list[str] = []
    taken: list[int] = []
    for ratio, at in best:
        if ratio < 0.4 or len(taken) == count:
            break
        if any(abs(at - other) < size for other in taken):
            continue
        taken.append(at)
        low, high = max(at - context, 0), min(at + size + context, len(text))
        shown.append("\n".join(f"{number + 1}\t{text[number]}" for number in range(low, high)))
    return "\n...\n".join(shown)
