"""Words of code and prose: identifiers whole and in their parts, in lower case."""

from __future__ import annotations

import re
from functools import lru_cache

IDENTIFIER = re.compile(r"[^\W\d]\w{1,79}")
_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]+")
# Words of every program and every report, which say nothing about where.
STOP = frozenset(
    """
    the and for not that this with are was were has have had but can will when what which from into then than
    there self cls return def class import none true false null new var let const function func public private
    static void int str string bool else elif try except catch raise throw you your our its they does did should
    would could may might must also only just like very any all each other use used using get set
    """.split()  # noqa: SIM905
)


@lru_cache(maxsize=1 << 16)
def parts(identifier: str) -> tuple[str, ...]:
    """`readHTTPHeader` gives `readhttpheader`, `read`, `http`, `header`; what says nothing is left out."""
    whole = identifier.lower()
    plain = whole == identifier or not identifier.isascii()
    pieces = whole.split("_") if plain else [piece.lower() for piece in _PARTS.findall(identifier)]
    found = dict.fromkeys([whole, *pieces] if len(pieces) > 1 else [whole])
    return tuple(word for word in found if len(word) > 2 and word not in STOP and not word.isdecimal())


def words(text: str) -> list[str]:
    """All words of a text, in order, as often as they stand there."""
    return [word for identifier in IDENTIFIER.findall(text) for word in parts(identifier)]
