"""The outcome of each test, read from a runner's output, and the verdict on a patch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PYTEST_SUMMARY = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
_PYTEST_LINE = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S.*)$", re.MULTILINE)
_UNITTEST_LINE = re.compile(
    r"^(\w+) \(([\w.]+)\)(?: \.\.\.|\n[^\n]* \.\.\.) (ok|FAIL|ERROR|expected failure)$", re.MULTILINE
)
_PASSING = {"PASSED", "XFAIL", "XPASS", "ok", "expected failure"}


@dataclass(frozen=True)
class Judgement:
    """The verdict: tests that should pass now and don't, and tests that passed before and are broken."""

    still_failing: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def solved(self) -> bool:
        """Whether both are empty."""
        return not self.still_failing and not self.broken


def read_tests(output: str) -> dict[str, bool]:
    """Test name → whether it passed, from `pytest -rA` (its last summary) or the lines of `unittest -v`.

    SWE-bench's scoring cuts names at the first space, so a test is found under its cut name too. A name that several
    tests share has passed when all of them have.
    """
    found: dict[str, bool] = {}

    def note(names: set[str], good: bool) -> None:
        for name in names:
            found[name] = found.get(name, True) and good

    summaries = list(_PYTEST_SUMMARY.finditer(output))
    if summaries:
        # only what follows the last one: a test may print lines like these
        for status, rest in _PYTEST_LINE.findall(output, summaries[-1].end()):
            note({rest, rest.partition(" - ")[0], rest.split()[0]}, status in _PASSING)
        return found
    for test, where, status in _UNITTEST_LINE.findall(output):
        note({f"{test} ({where})", f"{test} ({where.removesuffix('.' + test)})"}, status in _PASSING)
    return found


def judge(tests: dict[str, bool], fail_to_pass: Sequence[str], pass_to_pass: Sequence[str]) -> Judgement:
    """The verdict on test outcomes; a test that did not run has not passed."""
    return Judgement(
        tuple(name for name in fail_to_pass if not tests.get(name, False)),
        tuple(name for name in pass_to_pass if not tests.get(name, False)),
    )
