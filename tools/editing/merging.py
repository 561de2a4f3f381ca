"""What is kept of a region when old text becomes new: lines that the model did not change keep the file's bytes."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable

_MAX_PAIRS = 100_000  # of equal lines; with more, only the lines at both ends are compared, to bound the work


def unchanged(old: list[str], new: list[str]) -> dict[int, int]:
    """The lines of `new` that are lines of `old`, too: index in `new` → index in `old`."""
    short = min(len(old), len(new))
    head = next((n for n in range(short) if old[n] != new[n]), short)
    tail = next((n for n in range(short - head) if old[-1 - n] != new[-1 - n]), short - head)
    kept = {n: n for n in range(head)}
    kept |= {len(new) - 1 - n: len(old) - 1 - n for n in range(tail)}
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    counts = Counter(left)
    if 0 < sum(counts[line] for line in right) <= _MAX_PAIRS:
        for block in difflib.SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
            kept |= {head + block.b + n: head + block.a + n for n in range(block.size)}
    return kept


def merge(
    new: list[str], kept: dict[int, int], spans: list[tuple[int, int]], adapt: Callable[[str], str]
) -> list[int | str]:
    """The replacement of a region, as `Match.new` has it.

    `kept` is from `unchanged`; `spans` has for each old line the lines of the file that it stands for (end exclusive);
    `adapt` fits a new line to the region.
    """
    merged: list[int | str] = []
    for number, line in enumerate(new):
        if number in kept:
            merged.extend(range(*spans[kept[number]]))
        else:
            merged.append(adapt(line))
    return merged


def without_blanks_around(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Both texts without the blank lines around `old`: these need not be in the file, and are not written either."""
    old, new = list(old), list(new)
    for end in (0, -1):
        while old and not old[end].strip():
            old.pop(end)
            if new and not new[end].strip():
                new.pop(end)
    return old, new
