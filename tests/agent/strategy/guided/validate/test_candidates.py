"""A verdict says for people what it is for the program."""

from __future__ import annotations

import pytest

from agent.session.events import TestsRan
from agent.strategy.guided.validate.candidates import Candidate, Verdict

RAN = TestsRan(phase="candidate", command="t", exit_code=1, passed=False, ended="exited", seconds=1.0, output="")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict("passes"), "passes"),
        (Verdict("passes", failing_examples=1), "passes, but a documented example fails"),
        (Verdict("passes", failing_examples=2), "passes, but 2 documented examples fail"),
        (Verdict("passes", again=True), "tried before"),
        (Verdict("fails"), "fails"),
        (Verdict("unchanged", RAN), "unchanged"),
        (Verdict("refused"), "not code for this region"),
    ],
)
def test_a_verdict_in_words(verdict: Verdict, words: str) -> None:
    assert str(verdict) == words


@pytest.mark.parametrize("outcome", ["fails", "better"])
def test_the_run_that_decided_is_told(outcome: str) -> None:
    assert str(Verdict(outcome, RAN)).startswith("tests ")  # type: ignore[arg-type]


def test_a_candidate_is_proposed_with_what_speaks_against_it() -> None:
    candidate = Candidate("f", {"a.py": "x = 2\n"}, failing_examples=3)
    proposal = candidate.proposal({"a.py": "x = 1\n"})
    assert (proposal.size, proposal.failed_examples) == (1, 3)
    assert "+x = 2" in proposal.patch
