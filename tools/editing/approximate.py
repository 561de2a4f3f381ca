"""The last rungs: lines elided by `...`, and regions known by their first and last lines."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.base import ToolError
from tools.editing.indentation import indent, reindent
from tools.editing.lines import Match
from tools.editing.lookalikes import fold
from tools.editing.merging import merge, unchanged, without_blanks_around

if TYPE_CHECKING:
    from tools.editing.text import Text

ELIDED = "around the elided lines"
ANCHORED = "by its first and last lines"

_MOST_SEGMENTS = 8
_MOST_UNLIKE = 50
_LIKE = 0.6
_COMPARED = 200  # characters of a line

Find = Callable[["Text", list[str], list[str]], list[Match]]


def is_elision(line: str) -> bool:
    """Whether a line stands for others: `...`, alone or in a comment, there perhaps with words as in `# ... ...`."""
    words = fold(line).strip()
    bare = words.removeprefix("#").removeprefix("//").removeprefix("--").removeprefix("/*").removesuffix("*/").strip()
    return bare == "..." or (bare != words and len(bare) > 6 and bare.startswith("...") and bare.endswith("..."))


def elided(text: Text, old: list[str], new: list[str], find: Find) -> list[Match]:
    """The places where the parts of `old` between elisions stand in their order, a line or more apart.

    Raises `ToolError` when `new` does not have the same elisions.
    """
    old_parts, new_parts = _parts(old), _parts(new)
    if len(old_parts) == 1 == len(new_parts) and len(old_parts[0]) < len(old):  # only before or after it
        return [Match(each.start, each.end, each.new, ELIDED) for each in find(text, old_parts[0], new_parts[0])]
    if not 1 < len(old_parts) <= _MOST_SEGMENTS:
        return []
    if len(old_parts) != len(new_parts):
        new_parts = old_parts  # to see whether it would fit at all
    fits = [find(text, part, other) for part, other in zip(old_parts, new_parts, strict=True)]
    for number in range(1, len(fits)):
        earliest = min((each.end for each in fits[number - 1]), default=0)
        fits[number] = [each for each in fits[number] if each.start > earliest]
    for number in range(len(fits) - 2, -1, -1):
        latest = max((each.start for each in fits[number + 1]), default=0)
        fits[number] = [each for each in fits[number] if each.end < latest]
    if not all(fits):
        return []
    several = next((part for part in fits if len(part) > 1), None)
    if several:
        return [Match(each.start, each.end, [], ELIDED) for each in several]
    if len(_parts(new)) != len(old_parts):
        raise ToolError("old leaves lines out with `...` and new does not keep them: repeat each `...` in new")
    pieces: list[int | str] = []
    for number, (match,) in enumerate(fits):
        if number:
            pieces.extend(range(fits[number - 1][0].end, match.start))
        pieces.extend(match.new)
    return [Match(fits[0][0].start, fits[-1][0].end, pieces, ELIDED)]


def _parts(lines: list[str]) -> list[list[str]]:
    """What stands between the elisions; those before and after everything separate nothing."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if is_elision(line):
            parts.append([])
        else:
            parts[-1].append(line)
    for end in (0, -1):
        if len(parts) > 1 and not any(line.strip() for line in parts[end]):
            parts.pop(end)
    return parts


def anchored(text: Text, old: list[str], new: list[str]) -> list[Match]:
    """The one region whose first and last lines are those of `old` and occur once, with lines between that are alike.

    Lines the model did not know of are kept, and so are those it knew wrongly where it did not change them.
    """
    old, new = without_blanks_around(old, new)
    if len(old) < 3:
        return []
    first, last = text.places(old[:1], _key), text.places(old[-1:], _key)
    if len(first) != 1 or len(last) != 1:
        return []
    start, end = first[0], last[0] + 1
    if not start + 2 <= end - 1 <= start + len(old) + len(old) // 3 + 1:
        return []
    kept = unchanged(old, new)
    spans = _aligned(old, text.lines[start:end], set(kept.values()))
    if spans is None:
        return []
    region = text.lines[start:end]
    pairs = [(number, span[0]) for number, span in enumerate(spans) if span[0] < span[1]]
    adapt = reindent([fold(old[a]) for a, _ in pairs], [fold(region[b]) for _, b in pairs], new)
    if adapt is None and _moved(old[0], region[0]) == _moved(old[-1], region[-1]):
        adapt = reindent([fold(old[0])], [fold(region[0])], new)
    if adapt is None:
        return []
    unlike = tuple(start + b for a, b in pairs if _key(old[a]) != _key(region[b]))
    shifted = [(start + low, start + high) for low, high in spans]
    return [Match(start, end, merge(new, kept, shifted, adapt), ANCHORED, unlike)]


def _moved(old: str, there: str) -> int:
    return len(indent(there)) - len(indent(old))


def _key(line: str) -> str:
    return fold(line).strip()


def _aligned(old: list[str], region: list[str], kept: set[int]) -> list[tuple[int, int]] | None:
    """For each line of `old` the lines of the region it stands for; None when they are not alike enough.

    Lines that `old` does not know of go with the line before or after them, whichever is kept.
    """
    old_keys, keys = [_key(line) for line in old], [_key(line) for line in region]
    equal = sorted((a, b) for b, a in unchanged(old_keys, keys).items())
    if len(old) - len(equal) > min(max(len(old) // 3, 1), _MOST_UNLIKE):
        return None
    spans = [(0, 0)] * len(old)
    unknown = 0
    before_a = before_b = -1
    for a, b in equal:
        gap_a, gap_b = range(before_a + 1, a), range(before_b + 1, b)
        spans[a] = (b, b + 1)
        if len(gap_a) == len(gap_b):
            if not all(_like(old_keys[x], keys[y]) for x, y in zip(gap_a, gap_b, strict=True)):
                return None
            spans[before_a + 1 : a] = [(y, y + 1) for y in gap_b]
        elif any(old_keys[x] for x in gap_a):
            return None
        elif before_a in kept or not any(keys[y] for y in gap_b):
            spans[before_a] = (spans[before_a][0], b)
        elif a in kept:
            spans[a] = (gap_b.start, b + 1)
        else:
            return None
        unknown += sum(1 for y in gap_b if keys[y]) if len(gap_a) != len(gap_b) else 0
        before_a, before_b = a, b
    return spans if unknown <= max(len(old) // 4, 1) else None


def _like(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one[:_COMPARED], other[:_COMPARED], autojunk=False).ratio() >= _LIKE
