"""What models put around text out of habit: a fence, and the line numbers that `read_file` shows."""

from __future__ import annotations

import re

from tools.base import ToolError

_FENCE = re.compile(r"```[\w+-]*\s*")
_NUMBERED = re.compile(r" {0,8}(\d{1,7})(?:\t|\||: ?)(.*)", re.DOTALL)
_PROSE_SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc")


def unfenced(text: str) -> str | None:
    """The text inside a fence that encloses the whole text; None if there is no such fence."""
    lines = text.strip("\n").split("\n")
    if len(lines) < 2 or not _FENCE.fullmatch(lines[0]) or lines[-1].strip() != "```":
        return None
    return "".join(line + "\n" for line in lines[1:-1])


def fences_stay(path: str) -> bool:
    """Whether a file of this name may be meant to begin and end with a fence."""
    return path.lower().endswith(_PROSE_SUFFIXES)


def unnumbered(text: str) -> tuple[str, int] | None:
    """The text without its line numbers, and the first of them; None unless every line has one, in sequence."""
    lines = text.strip("\n").split("\n")
    found = [_NUMBERED.fullmatch(line) for line in lines]
    if not found[0]:
        return None
    first = int(found[0][1])
    if any(match is None or int(match[1]) != first + number for number, match in enumerate(found)):
        return None
    plain = "\n".join(match[2] for match in found if match)
    return plain + "\n" * text.endswith("\n"), first


def unwrapped(old: str, new: str) -> tuple[str, str, int | None] | None:
    """`old` and `new` without fence and line numbers, and the first line number (1-based) that `old` had, if any.

    None if `old` has neither. Raises `ToolError` when some lines of `new` have numbers and some have not.
    """
    inner = unfenced(old)
    plain, replacement = (old, new) if inner is None else (inner, unfenced(new) if unfenced(new) is not None else new)
    assert replacement is not None
    numbered = unnumbered(plain)
    if numbered is None:
        return None if inner is None else (plain, replacement, None)
    renumbered = unnumbered(replacement)
    if renumbered is not None:
        replacement = renumbered[0]
    elif any(_NUMBERED.fullmatch(line) and "\t" in line for line in replacement.split("\n")):
        raise ToolError("old and new have line numbers at the beginning of lines: leave them out of both")
    return numbered[0], replacement, numbered[1]
