"""Candidates for a fix, and what trying one came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.session.events import TestsRan
from agent.strategy.patch_selection import Proposal, proposal_of_files
from agent.verify.suite import describe

Outcome = Literal["passes", "better", "fails", "unchanged", "refused"]
"""`better`: it mends some of the failures and breaks nothing; `unchanged`: it is the code as it was; `refused`: the
reply held no code for what was asked."""


@dataclass(frozen=True)
class Verdict:
    """What came of a candidate. `ran` is the run that decided, or how the code as it was failed."""

    outcome: Outcome
    ran: TestsRan | None = None
    failing_examples: int = 0
    """Documented examples of the changed functions that fail with one that passes."""
    again: bool = False
    """Whether another candidate before had the same texts."""

    def __str__(self) -> str:
        """For people."""
        if self.again:
            return "tried before"
        match self.outcome:
            case "refused":
                return "not code for this region"
            case "unchanged":
                return "unchanged"
            case "better" | "fails":
                return f"tests {describe(self.ran)}" if self.ran else "fails"
        count = self.failing_examples
        examples = "a documented example fails" if count == 1 else f"{count} documented examples fail"
        return f"passes, but {examples}" if count else "passes"


@dataclass(frozen=True)
class Candidate:
    """New texts of files, path → text, from one reply; `title` names what was rewritten, `names` the functions."""

    title: str
    files: Mapping[str, str]
    names: tuple[str, ...] = ()
    failing_examples: int = 0
    """Of the functions' documented examples; known once it is tried."""
    is_guess: bool = False
    """Whether it is one of many small changes that were tried, and no documented example speaks for it."""

    def proposal(self, before: Mapping[str, str]) -> Proposal:
        """The change that it makes to the texts `before`."""
        return proposal_of_files(before, self.files, self.failing_examples)
