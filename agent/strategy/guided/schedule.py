"""What the guided strategy asks for, in which order: rounds of questions, from the cheapest that helps on.

docs/decisions/0010-guided-search.md has what was measured, and what was left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

View = Literal["lines", "rewrite", "again", "diagnose", "together", "vary"]
"""`rewrite` shows code and failure, and asks for the whole function; `lines` for some lines of a long one; `diagnose`
asks for the reason first; `again` shows how the candidate before failed, too; `together` shows several functions, any
of which may be changed; in `vary` the program makes small changes up."""
IN_LINES = {"lines", "diagnose", "again"}
"""Views in which a long function is asked for in parts, and a short one as a whole."""


@dataclass(frozen=True)
class Round:
    """One question about each suspect; a candidate a temperature, one fewer for each suspect further down."""

    view: View
    temperatures: tuple[float, ...] = ()


ROUNDS = (
    Round("lines", (0.2, 0.8, 0.8, 1.0)),
    Round("vary"),
    Round("diagnose", (0.2, 0.8, 0.8)),
    Round("again", (0.8, 0.8)),
    Round("together", (0.2, 0.8)),
    Round("rewrite", (1.0, 1.0, 1.0, 1.0)),
)
MORE = (Round("lines", (1.0, 1.0)), Round("diagnose", (1.0, 1.0)), Round("rewrite", (1.2, 1.2, 1.2)))
"""What is gone through again and again where all that came to nothing and there is a budget left."""
CANDIDATES = 32
"""In all, where the user names no number."""
SUSPECTS = 4
"""Regions that are tried in a round."""
PASSING = 3
"""Candidates that pass which are compared, where the first is no small change."""
