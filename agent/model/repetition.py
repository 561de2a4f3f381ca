"""Detects a reply that repeats itself without end, while it is streamed."""

from __future__ import annotations

TAIL = 6_000
"""The characters at the end of the reply that are examined."""
MIN_REPEATED = 2_000
"""The characters of repetition from which a reply is cut …"""
MIN_TIMES = 6
"""… where they are at least so many repetitions of one piece: a table or a list of similar lines is not."""
_INTERVAL = 400  # characters between two examinations


class RepetitionWatch:
    """Watches one reply as it is streamed."""

    def __init__(self) -> None:
        self._tail = ""
        self._fresh = 0

    def add(self, piece: str) -> bool:
        """Take a piece; returns whether the reply has repeated itself for long enough to be cut."""
        self._tail = (self._tail + piece)[-TAIL:]
        self._fresh += len(piece)
        if self._fresh < _INTERVAL or len(self._tail) < MIN_REPEATED:
            return False
        self._fresh = 0
        return repeats(self._tail)


def repeats(text: str) -> bool:
    """Whether a text ends in at least `MIN_REPEATED` characters that are one piece, `MIN_TIMES` times or more.

    By the failure function of Knuth, Morris and Pratt over the reversed text, which gives the period of every suffix
    in one pass.
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
        if length >= MIN_REPEATED and (length - border) * MIN_TIMES <= length:
            return True
    return False
