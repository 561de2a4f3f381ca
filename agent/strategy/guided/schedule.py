"""What the guided strategy asks for, in which order: rounds of questions, from the cheapest that helps on.

docs/decisions/0010-guided-search.md has what was measured, and what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, cycle
from typing import Literal

from agent.strategy.guided.rules import GuidedRules

View = Literal["lines", "rewrite", "again", "diagnose", "mutate"]
"""`rewrite` shows code and failure, and asks for the whole function; `lines` for some lines of a long one; `diagnose`
asks for the reason first; `again` shows how the candidate before failed, too; in `mutate` the program changes the code
mechanically."""
IN_LINES = {"lines", "diagnose", "again"}
"""Views in which a long function is asked for in parts, and a short one as a whole."""


@dataclass(frozen=True)
class Round:
    """One question about each suspect; a candidate a temperature, one fewer for each suspect further down."""

    view: View
    temperatures: tuple[float, ...] = ()


ROUNDS = (
    Round("lines", (0.2, 0.8, 0.8, 1.0)),
    Round("mutate"),
    Round("diagnose", (0.2, 0.8, 0.8)),
    Round("again", (0.8, 0.8)),
    Round("rewrite", (1.0, 1.0, 1.0, 1.0)),
)
FURTHER_ROUNDS = (Round("lines", (1.0, 1.0)), Round("diagnose", (1.0, 1.0)), Round("rewrite", (1.2, 1.2, 1.2)))
"""What is gone through again and again where all that came to nothing and there is a budget left."""
MAX_CANDIDATES = 32
"""In all, where the user names no number."""
MAX_SUSPECTS = 4
"""Regions that are tried in a round."""
MAX_COMPARED = 3
"""Candidates that pass which are compared, where the first is no small change."""
SMALL_CHANGE = 3
"""Lines up to which a change that passes is taken without another to compare it with."""


def rounds(rules: GuidedRules) -> Iterator[Round]:
    """The rounds that the rules allow, without end."""
    allowed = {"mutate": rules.mutations, "diagnose": rules.diagnosis, "again": rules.failure_shown}
    return (each for each in chain(ROUNDS, cycle(FURTHER_ROUNDS)) if allowed.get(each.view, True))
