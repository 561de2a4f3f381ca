"""The regions of a file most like a text that does not occur in it, for a model whose edit did not match."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from heapq import nlargest

from tools.editing.lines import numbered

_COMPARED = 300  # characters of a candidate that are looked at closely: the time grows with their square
_CANDIDATES = 30
_LEAST = 0.4
_SHOWN = 30
_WORD = re.compile(r"\w+")


def nearest(text: list[str], old: list[str], *, count: int = 2, context: int = 1) -> str:
    """The lines most like `old`, with their numbers; empty when nothing is like it."""
    wanted = [line.strip() for line in old if line.strip()]
    if not wanted or not text:
        return ""
    size = len(old)
    joined = "\n".join(wanted)[:_COMPARED]
    best = []
    for at in _candidates(text, wanted, size):
        there = "\n".join(line.strip() for line in text[at : at + size] if line.strip())[:_COMPARED]
        best.append((difflib.SequenceMatcher(None, joined, there, autojunk=False).ratio(), at))
    best.sort(key=lambda item: (-item[0], item[1]))
    shown: list[str] = []
    taken: list[int] = []
    for ratio, at in best:
        if ratio < _LEAST or len(taken) == count:
            break
        if any(abs(at - other) < size for other in taken):
            continue
        taken.append(at)
        shown.append(numbered(text, at - context, at + min(size, _SHOWN) + context))
    return "\n...\n".join(shown)


def _candidates(text: list[str], wanted: list[str], size: int) -> list[int]:
    """The starts of the runs of `size` lines that share the most words with `wanted`, rare words counting more."""
    of_interest = set(_WORD.findall("\n".join(wanted)))
    words = [[word for word in _WORD.findall(line) if word in of_interest] for line in text]
    often = Counter(word for line in words for word in line)
    inside: Counter[str] = Counter()
    score = 0.0
    scores = []
    for at in range(-size + 1, len(text)):
        for word in words[at + size - 1] if at + size <= len(text) else []:
            inside[word] += 1
            score += 1 / often[word] if inside[word] == 1 else 0
        if at > 0:
            for word in words[at - 1]:
                inside[word] -= 1
                score -= 1 / often[word] if not inside[word] else 0
        if 0 <= at <= max(len(text) - size, 0):
            scores.append((round(score, 9), -at))
    return [-at for _, at in nlargest(_CANDIDATES, scores)]
