"""Noticing that a model says the same without end, while it still does."""

from __future__ import annotations

TAIL = 6_000
"""How far back is looked, in characters."""
REPEATED = 2_000
"""So many characters of repetition are too many …"""
TIMES = 6
"""… when the same piece stands there at least so often."""
_EVERY = 400


class RepetitionWatch:
    """Watches a reply as it comes."""

    def __init__(self) -> None:
        self._tail = ""
        self._fresh = 0

    def add(self, piece: str) -> bool:
        """Take a piece; whether the reply has been repeating itself for long enough to be cut."""
        self._tail = (self._tail + piece)[-TAIL:]
        self._fresh += len(piece)
        if self._fresh < _EVERY or len(self._tail) < REPEATED:
            return False
        self._fresh = 0
        return repeats(self._tail)


def repeats(text: str) -> bool:
    """Whether a text ends in at least `REPEATED` characters that are one piece, `TIMES` times or more.

    By the failure function of Knuth, Morris and Pratt over the text read backwards: it tells the period of every
    ending in one pass.
    """
    backwards = text[::-1]
    borders = [0] * len(backwards)
    border = 0
    for at in range(1, len(backwards)):
        while border and backwards[at] != backwards[border]:
            border = borders[border - 1]
        border += backwards[at] == backwards[border]
        borders[at] = border
        length = at + 1
        if length >= REPEATED and (length - border) * TIMES <= length:
            return True
    return False
