"""The regions of a file that are most similar to a text that it lacks, shown to a model whose edit did not match."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from heapq import nlargest

from tools.editing.lines import numbered

_MAX_COMPARED = 300  # characters of a candidate; the time grows with their square
_MAX_CANDIDATES = 30
_MIN_SIMILARITY = 0.4  # difflib's ratio from 0 to 1
_MAX_SHOWN = 30  # lines of a region
_WORD = re.compile(r"\w+")


def nearest(text: list[str], old: list[str], *, count: int = 2, context: int = 1) -> str:
    """The `count` regions most similar to `old`, numbered, with `context` lines around; empty if none is similar."""
    wanted = [line.strip() for line in old if line.strip()]
    if not wanted or not text:
        return ""
    size = len(old)
    joined = "\n".join(wanted)[:_MAX_COMPARED]
    best = []
    for at in _candidates(text, wanted, size):
        candidate = "\n".join(line.strip() for line in text[at : at + size] if line.strip())[:_MAX_COMPARED]
        best.append((difflib.SequenceMatcher(None, joined, candidate, autojunk=False).ratio(), at))
    best.sort(key=lambda item: (-item[0], item[1]))
    shown: list[str] = []
    taken: list[int] = []
    for ratio, at in best:
        if ratio < _MIN_SIMILARITY or len(taken) == count:
            break
        if any(abs(at - other) < size for other in taken):
            continue
        taken.append(at)
        shown.append(numbered(text, at - context, at + min(size, _MAX_SHOWN) + context))
    return "\n...\n".join(shown)


def _candidates(text: list[str], wanted: list[str], size: int) -> list[int]:
    """The first lines of the runs of `size` lines that share most words with `wanted`; rare words count more."""
    wanted_words = set(_WORD.findall("\n".join(wanted)))
    words = [[word for word in _WORD.findall(line) if word in wanted_words] for line in text]
    frequency = Counter(word for line in words for word in line)
    inside: Counter[str] = Counter()
    score = 0.0
    scores = []
    for at in range(-size + 1, len(text)):
        for word in words[at + size - 1] if at + size <= len(text) else []:
            inside[word] += 1
            score += 1 / frequency[word] if inside[word] == 1 else 0
        if at > 0:
            for word in words[at - 1]:
                inside[word] -= 1
                score -= 1 / frequency[word] if not inside[word] else 0
        if 0 <= at <= max(len(text) - size, 0):
            scores.append((round(score, 9), -at))
    return [-at for _, at in nlargest(_MAX_CANDIDATES, scores)]
