"""The tests of a run, each with its outcome, message and locations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

Status = Literal["passed", "failed", "error", "skipped"]

MAX_CASES = 100_000
MAX_TEXT = 8000
MAX_MESSAGE = 2000
_SEVERITY: dict[Status, int] = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


@dataclass(frozen=True)
class Case:
    """One test. `id` is its name in the form that the runner takes as an argument, `text` the traceback.

    `places` are locations in the repository (path, line), the deepest last; `seconds` is None where unknown.
    """

    id: str
    status: Status
    message: str = ""
    text: str = ""
    places: tuple[tuple[str, int], ...] = ()
    seconds: float | None = None

    @property
    def failed(self) -> bool:
        """Whether it failed, itself or in its setup or teardown."""
        return self.status in {"failed", "error"}


@dataclass(frozen=True)
class TestReport:
    """The tests of one run. `complete`: every test that ran is among the cases, by the runner's own count.

    `signed`: whether the program that ran the tests came to its own end and wrote this; None where the runner has no
    such program, or it can't be used. Without a signature the code under test can have written it.
    """

    __test__ = False
    cases: tuple[Case, ...] = ()
    complete: bool = False
    signed: bool | None = None

    @cached_property
    def failing(self) -> tuple[str, ...]:
        """The tests that failed, in order."""
        return tuple(case.id for case in self.cases if case.failed)

    @cached_property
    def passing(self) -> frozenset[str]:
        """The tests that ran and passed; a skipped one did not."""
        return frozenset(case.id for case in self.cases if case.status == "passed")

    @property
    def run(self) -> int:
        """How many ran."""
        return sum(case.status != "skipped" for case in self.cases)


def merged(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases with each id once. Of several with one id the worst is kept: a test whose teardown failed has two."""
    found: dict[str, Case] = {}
    for case in cases:
        same = found.get(case.id)
        if same is None:
            found[case.id] = case
        elif _SEVERITY[case.status] > _SEVERITY[same.status]:
            found[case.id] = replace(case, text=case.text or same.text, message=case.message or same.message)
    return tuple(found.values())


def bounded(text: str, limit: int) -> str:
    """A text's first and last part within `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"
