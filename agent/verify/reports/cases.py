"""What a test run said of each test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

Status = Literal["passed", "failed", "error", "skipped"]

MAX_CASES = 100_000
MAX_TEXT = 8000
MAX_MESSAGE = 2000
_WORST: dict[Status, int] = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


@dataclass(frozen=True)
class Case:
    """One test. `id` is its name as the runner takes it back; `text` is the traceback, `seconds` None if not told."""

    id: str
    status: Status
    message: str = ""
    text: str = ""
    places: tuple[tuple[str, int], ...] = ()
    seconds: float | None = None

    @property
    def bad(self) -> bool:
        """Whether it failed, in itself or on the way to it."""
        return self.status in {"failed", "error"}


@dataclass(frozen=True)
class TestReport:
    """The tests of one run. `complete`: every test that ran is among the cases, by the runner's own count.

    It is written by what is tested, so it never says that a run passed: only the exit code does.
    """

    __test__ = False
    cases: tuple[Case, ...] = ()
    complete: bool = False

    @cached_property
    def failing(self) -> tuple[str, ...]:
        """The tests that failed, in order."""
        return tuple(case.id for case in self.cases if case.bad)

    @cached_property
    def passing(self) -> frozenset[str]:
        """The tests that ran and passed; a skipped one did not."""
        return frozenset(case.id for case in self.cases if case.status == "passed")

    @property
    def run(self) -> int:
        """How many ran."""
        return sum(case.status != "skipped" for case in self.cases)


def joined(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Cases with each id once: of several with one id, the worst, as of a test whose teardown failed too."""
    found: dict[str, Case] = {}
    for case in cases:
        known = found.get(case.id)
        if known is None:
            found[case.id] = case
        elif _WORST[case.status] > _WORST[known.status]:
            found[case.id] = replace(case, text=case.text or known.text, message=case.message or known.message)
    return tuple(found.values())


def bounded(text: str, limit: int) -> str:
    """A text's first and last part within `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"
