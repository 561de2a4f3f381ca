"""The status of a session: `fixed` is what the evidence shows, and nothing else."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import pytest

from agent.session.events import Ended, TestOutcome, Verification
from agent.verify.status import Status, status_of


def outcome(passed: bool) -> TestOutcome:
    return TestOutcome(exit_code=0 if passed else 1, passed=passed)


def verification(before: bool | None, after: bool | None) -> Verification:
    runs: dict[str, Any] = {"before": before, "after": after}
    return Verification(command="c", **{name: None if each is None else outcome(each) for name, each in runs.items()})


ENDS = {name: Ended(status=name) for name in get_args(Ended.model_fields["status"].annotation)}
GOOD = verification(before=False, after=True)


def test_fixed_is_what_failed_before_and_passes_after() -> None:
    assert status_of(ENDS["submitted"], True, GOOD) == "fixed"


def test_nothing_else_is_fixed() -> None:
    for name, has_patch, before, after in itertools.product(
        ENDS, [True, False], [True, False, None], [True, False, None]
    ):
        status = status_of(ENDS[name], has_patch, verification(before, after))
        assert (status == "fixed") == ((name, has_patch, before, after) == ("submitted", True, False, True))
        assert status in get_args(Status)


@pytest.mark.parametrize(
    ("name", "status"), [("interrupted", "interrupted"), ("budget", "budget"), ("failed", "error")]
)
def test_what_was_broken_off_is_told_as_such_with_or_without_a_patch(name: str, status: str) -> None:
    assert status_of(ENDS[name], True, GOOD) == status_of(ENDS[name], False, None) == status


@pytest.mark.parametrize("name", ["submitted", "gave_up"])
def test_a_patch_without_evidence_is_unverified_and_none_is_none(name: str) -> None:
    assert status_of(ENDS[name], True, None) == "unverified"
    assert status_of(ENDS[name], True, verification(before=True, after=True)) == "unverified"
    assert status_of(ENDS[name], False, None) == "no_patch"


def test_a_patch_that_was_given_up_is_unverified_even_when_tests_pass() -> None:
    assert status_of(ENDS["gave_up"], True, GOOD) == "unverified"
