"""Finding the lines that a model means, by a list of matching strategies from exact to approximate.

The strategies: whole lines exactly, trailing blanks ignored, a uniform difference of indentation, look-alike
characters, lines elided by `...`, first and last lines only. The first one that finds anything decides, and it never
chooses one of several places. Each compares keys of lines as one text searched for another, so that the work grows with
the sum of their lengths.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.editing.approximate import match_anchored, match_elided
from tools.editing.indentation import Reindent, reindent
from tools.editing.line_search import SearchableLines
from tools.editing.lines import Match
from tools.editing.lookalikes import fold
from tools.editing.merging import merge, unchanged, without_blanks_around


def find_lines(lines: list[str], old: list[str], new: list[str]) -> list[Match]:
    """Every place of `old` in `lines`, by the first strategy that finds any. All lines are without their ends.

    Raises `ToolError` when lines are elided in `old` and not in `new`.
    """
    text = SearchableLines(lines)
    exact = match_all_lines(text, old, new)
    return exact or match_elided(text, old, new, match_all_lines) or match_anchored(text, old, new)


def match_all_lines(text: SearchableLines, old: list[str], new: list[str]) -> list[Match]:
    """The strategies that want every line of `old` to be there."""
    for strategy, key in (("", _identity), ("with trailing blanks ignored", str.rstrip)):
        starts = text.find(old, key)
        if starts:
            kept = unchanged(old, new)
            return [
                Match(start, start + len(old), _merged(new, kept, start, len(old), _identity), strategy)
                for start in starts
            ]
    old, new = without_blanks_around(old, new)
    for strategy, key in (
        ("with indentation ignored", str.strip),
        ("with look-alike characters ignored", _folded),
    ):
        matches = _match_reindented(text, old, new, key, strategy)
        if matches:
            return matches
    return []


def _identity(line: str) -> str:
    return line


def _folded(line: str) -> str:
    return fold(line).strip()


def _merged(new: list[str], kept: dict[int, int], start: int, count: int, adapt: Reindent) -> list[int | str]:
    return merge(new, kept, [(start + n, start + n + 1) for n in range(count)], adapt)


def _match_reindented(
    text: SearchableLines, old: list[str], new: list[str], key: Callable[[str], str], strategy: str
) -> list[Match]:
    """The places whose lines have the keys of `old` and an indentation that differs from it uniformly."""
    matches = []
    kept: dict[int, int] | None = None
    for start in text.find(old, key):
        region = [fold(line) for line in text.lines[start : start + len(old)]]
        adapt = reindent([fold(line) for line in old], region, new)
        if adapt is not None:
            kept = unchanged(old, new) if kept is None else kept
            matches.append(Match(start, start + len(old), _merged(new, kept, start, len(old), adapt), strategy))
    return matches
