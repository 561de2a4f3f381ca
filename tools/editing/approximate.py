"""The approximate matching strategies: lines elided by `...`, and regions with the same first and last lines."""

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
    from tools.editing.line_search import SearchableLines

ELIDED = "around the elided lines"
ANCHORED = "by its first and last lines"

_MAX_PARTS = 8  # between elisions
_MAX_DIFFERING = 50  # lines of a region with the same first and last lines
_MIN_SIMILARITY = 0.6  # of two lines, as difflib's ratio from 0 to 1
_MAX_COMPARED = 200  # characters of a line

Find = Callable[["SearchableLines", list[str], list[str]], list[Match]]


def is_elision(line: str) -> bool:
    """Whether a line stands for others: `...`, alone or in a comment, perhaps with words: `# ... the rest ...`."""
    words = fold(line).strip()
    bare = words.removeprefix("#").removeprefix("//").removeprefix("--").removeprefix("/*").removesuffix("*/").strip()
    return bare == "..." or (bare != words and len(bare) > 6 and bare.startswith("...") and bare.endswith("..."))


def match_elided(text: SearchableLines, old: list[str], new: list[str], find: Find) -> list[Match]:
    """The places where the parts of `old` between its elisions follow each other, a line or more apart.

    Raises `ToolError` when `new` does not have the same elisions.
    """
    old_parts, new_parts = _parts(old), _parts(new)
    if len(old_parts) == 1 == len(new_parts) and len(old_parts[0]) < len(old):  # the only elision is at one end
        return [Match(each.start, each.end, each.new, ELIDED) for each in find(text, old_parts[0], new_parts[0])]
    if not 1 < len(old_parts) <= _MAX_PARTS:
        return []
    if len(old_parts) != len(new_parts):
        new_parts = old_parts  # to find out first whether it fits at all
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
    """The lines between the elisions; an elision at either end is left out."""
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


def match_anchored(text: SearchableLines, old: list[str], new: list[str]) -> list[Match]:
    """The region whose first and last lines are those of `old` and occur once, if the lines between are similar.

    Lines that `old` lacks are kept, and so are those it has wrong if `new` does not change them.
    """
    old, new = without_blanks_around(old, new)
    if len(old) < 3:
        return []
    first, last = text.find(old[:1], _key), text.find(old[-1:], _key)
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
    if adapt is None and _shift(old[0], region[0]) == _shift(old[-1], region[-1]):
        adapt = reindent([fold(old[0])], [fold(region[0])], new)
    if adapt is None:
        return []
    differing = tuple(start + b for a, b in pairs if _key(old[a]) != _key(region[b]))
    shifted = [(start + low, start + high) for low, high in spans]
    return [Match(start, end, merge(new, kept, shifted, adapt), ANCHORED, differing)]


def _shift(old: str, line: str) -> int:
    """How many characters a line of the file is indented more than that of `old`."""
    return len(indent(line)) - len(indent(old))


def _key(line: str) -> str:
    return fold(line).strip()


def _aligned(old: list[str], region: list[str], kept: set[int]) -> list[tuple[int, int]] | None:
    """For each line of `old` the lines of the region that it stands for; None if they are not similar enough.

    Lines that `old` lacks go with the line before or after them, whichever is in `kept`, the unchanged lines.
    """
    old_keys, keys = [_key(line) for line in old], [_key(line) for line in region]
    equal = sorted((a, b) for b, a in unchanged(old_keys, keys).items())
    if len(old) - len(equal) > min(max(len(old) // 3, 1), _MAX_DIFFERING):
        return None
    spans = [(0, 0)] * len(old)
    unknown = 0
    before_a = before_b = -1
    for a, b in equal:
        gap_a, gap_b = range(before_a + 1, a), range(before_b + 1, b)
        spans[a] = (b, b + 1)
        if len(gap_a) == len(gap_b):
            if not all(_similar(old_keys[x], keys[y]) for x, y in zip(gap_a, gap_b, strict=True)):
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


def _similar(one: str, other: str) -> bool:
    matcher = difflib.SequenceMatcher(None, one[:_MAX_COMPARED], other[:_MAX_COMPARED], autojunk=False)
    return matcher.ratio() >= _MIN_SIMILARITY
