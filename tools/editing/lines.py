"""Text as lines with their endings, and replacing some of them while all others keep every byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BOM = "\ufeff"
_MAX_WIDTH = 400  # characters of a line that the model is shown


@dataclass(frozen=True)
class Match:
    """A region of a file that was found: lines `start` to `end` (0-based, end exclusive), and what replaces it.

    `new` is the replacement: a number is a line of the file that is kept, a text is a line to write. `strategy` says
    how the region was found, as in "matched with indentation ignored"; empty for an exact match. `differing` are lines
    of the region that differ from the sought ones in more than blanks and look-alike characters.
    """

    start: int
    end: int
    new: Sequence[int | str]
    strategy: str = ""
    differing: tuple[int, ...] = ()


def split(text: str) -> list[str]:
    """The lines of a text with their ends. Only a line feed ends a line, as for grep and compilers."""
    pieces = text.split("\n")
    last = pieces.pop()
    return [piece + "\n" for piece in pieces] + ([last] if last else [])


def body(line: str) -> str:
    """A line without its end."""
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def line_ending(text: str) -> str:
    """The ending of most lines of a text."""
    return "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"


def written(lines: list[str], match: Match, default: str) -> list[str]:
    """The lines that replace a match's region. New ones end as those they replace, else with `default`."""
    around = lines[match.start : match.end] or lines[max(match.start - 1, 0) : match.start] or [default]
    new = []
    for number, each in enumerate(match.new):
        end = _end(around[min(number, len(around) - 1)])
        new.append(_ended(lines[each] if isinstance(each, int) else each + end, default))
    if new and lines and match.end == len(lines) and not _end(lines[-1]):
        new[-1] = body(new[-1])  # the file's last line goes on having no end
    return new


def splice(lines: list[str], match: Match, default: str) -> list[str]:
    """All lines of the file after a match's region is replaced."""
    before, new = lines[: match.start], written(lines, match, default)
    if new and before:
        before[-1] = _ended(before[-1], default)
    return before + new + lines[match.end :]


def numbered(lines: list[str], low: int, high: int) -> str:
    """Lines `low` to `high` (0-based, end exclusive) as the model is shown them, numbered from 1, long ones cut."""
    shown = []
    for number in range(max(low, 0), min(high, len(lines))):
        text = body(lines[number])
        shown.append(f"{number + 1}\t{text if len(text) <= _MAX_WIDTH else text[:_MAX_WIDTH] + ' [...]'}")
    return "\n".join(shown)


def line_numbers(lines: list[int], limit: int = 20) -> str:
    """0-based lines in words, numbered from 1: `line 3`, `lines 1, 5`."""
    each = list(dict.fromkeys(lines))
    words = ", ".join(str(line + 1) for line in each[:limit]) + (", ..." if len(each) > limit else "")
    return f"line{'s' * (len(each) > 1)} {words}"


def _end(line: str) -> str:
    return line[len(body(line)) :]


def _ended(line: str, default: str) -> str:
    return line if line.endswith("\n") else line + default
