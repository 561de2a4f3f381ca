"""The plain Python values that an issue writes where it says what is right.

Nothing here decides which of them is meant: those that hold as the code is are discarded by a run, and the model
chooses among the rest (reproduce/select.py).
"""

from __future__ import annotations

import re

from agent.code.literals import MAX_CHARACTERS, values_in

MAX_VALUES = 8
_EXPECTATION = re.compile(
    r"\b(?:should|expect\w*|correct\w*|instead of|must|want\w*|right)\b(?:(?!\n\s*\n|\n\s*#|[.;]\s).){0,80}"
    r"(?:\s*^\s*(?:```|~~~)[^\n]*\n[^`~]{0,400})?",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
"""A word that speaks of what is right, the rest of its sentence, and a block that follows."""


def expectations(text: str) -> list[tuple[int, int]]:
    """Where a text says what is right: start and end of each stretch."""
    return [match.span() for match in _EXPECTATION.finditer(text[:MAX_CHARACTERS])]


def expected_values(text: str) -> list[str]:
    """The values that begin in one of a text's expectations, as `ast.unparse` writes them, in order and each once."""
    spans = expectations(text)
    found = (value for at, value in values_in(text) if any(start < at < end for start, end in spans))
    return list(dict.fromkeys(found))[:MAX_VALUES]
