"""Finding the lines a model means: exactly, else by ever more patient rungs, never one of several.

Rungs: whole lines → trailing blanks → uniform indentation → look-alike characters → elided `...` → first and last
lines. Each compares keys of lines, as one text searched for another, so the work grows with their lengths' sum.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.editing.approximate import anchored, elided
from tools.editing.indentation import Reindent, reindent
from tools.editing.lines import Match
from tools.editing.lookalikes import fold
from tools.editing.merging import merge, unchanged, without_blanks_around
from tools.editing.text import Text


def find_lines(lines: list[str], old: list[str], new: list[str]) -> list[Match]:
    """Every place where `old` stands, from the first rung that finds any; all lines without their ends.

    Raises `ToolError` when lines are elided in `old` and not in `new`.
    """
    text = Text(lines)
    return find_close(text, old, new) or elided(text, old, new, find_close) or anchored(text, old, new)


def find_close(text: Text, old: list[str], new: list[str]) -> list[Match]:
    """The rungs that want every line of `old` to be there."""
    for rung, key in (("", _same), ("with trailing blanks ignored", str.rstrip)):
        places = text.places(old, key)
        if places:
            kept = unchanged(old, new)
            return [Match(at, at + len(old), _merged(new, kept, at, len(old), _same), rung) for at in places]
    old, new = without_blanks_around(old, new)
    for rung, key in (("with indentation ignored", str.strip), ("with look-alike characters ignored", _folded)):
        matches = _indented(text, old, new, key, rung)
        if matches:
            return matches
    return []


def _same(line: str) -> str:
    return line


def _folded(line: str) -> str:
    return fold(line).strip()


def _merged(new: list[str], kept: dict[int, int], at: int, count: int, adapt: Reindent) -> list[int | str]:
    return merge(new, kept, [(at + n, at + n + 1) for n in range(count)], adapt)


def _indented(text: Text, old: list[str], new: list[str], key: Callable[[str], str], rung: str) -> list[Match]:
    matches = []
    kept: dict[int, int] | None = None
    for at in text.places(old, key):
        region = [fold(line) for line in text.lines[at : at + len(old)]]
        adapt = reindent([fold(line) for line in old], region, new)
        if adapt is not None:
            kept = unchanged(old, new) if kept is None else kept
            matches.append(Match(at, at + len(old), _merged(new, kept, at, len(old), adapt), rung))
    return matches
