"""Finding the lines a model means: exactly, else by ever more patient rungs, never one of several.

Rungs: whole lines → trailing blanks → uniform indentation → look-alike characters → elided `...` → first and last
lines. Each compares keys of lines, as one text searched for another, so the work grows with their lengths' sum.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.approximate import anchored, elided
from tools.indentation import Reindent, reindent
from tools.lines import Match
from tools.lookalikes import fold
from tools.merging import merge, unchanged, without_blanks_around

_MOST_WORK = 200_000  # lines compared for one key: places beyond that are not looked at one by one


class Text:
    """The lines of a file, without their ends, searchable by keys that are made once."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self._keyed: dict[Callable[[str], str], str] = {}

    def places(self, wanted: list[str], key: Callable[[str], str]) -> list[int]:
        """Where a run of lines stands, by their keys; of very many places the first ones."""
        if not wanted:
            return []
        if key not in self._keyed:
            self._keyed[key] = "\n" + "\n".join(map(key, self.lines)) + "\n"
        hay = self._keyed[key]
        needle = "\n" + "\n".join(map(key, wanted)) + "\n"
        most = max(_MOST_WORK // len(wanted), 2)
        found: list[int] = []
        line = counted = 0
        at = hay.find(needle) if self.lines else -1
        while at >= 0 and len(found) < most:
            line, counted = line + hay.count("\n", counted, at), at
            found.append(line)
            at = hay.find(needle, at + 1)
        return found


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
