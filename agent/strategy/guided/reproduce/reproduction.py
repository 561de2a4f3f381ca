"""What shows the problem at the base commit, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.session.events import TestsRan

Certainty = Literal["sure", "doubtful", "vague"]
"""`doubtful`: the model wrote it, so it may ask for something else than the issue; `vague`: it only says that something
must change, not into what, so what passes it is not verified. Half of the budget is enough for both."""


@dataclass(frozen=True)
class Reproduction:
    """A failing run, and what must pass in place of it: a script, or those `tests` (all where it names none)."""

    failure: TestsRan
    script: str = ""
    tests: frozenset[str] = frozenset()
    certainty: Certainty = "sure"
