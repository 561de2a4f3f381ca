"""What each test came to, from a runner's output, and what that says of a patch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SUMMARY = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
_PYTEST = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S.*)$", re.MULTILINE)
_UNITTEST = re.compile(
    r"^(\w+) \(([\w.]+)\)(?: \.\.\.|\n[^\n]* \.\.\.) (ok|FAIL|ERROR|expected failure)$", re.MULTILINE
)
_GOOD = {"PASSED", "XFAIL", "XPASS", "ok", "expected failure"}


@dataclass(frozen=True)
class Judgement:
    """The tests that should pass now and don't, and those that passed before and are broken."""

    still_failing: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def solved(self) -> bool:
        """Whether there is none of either."""
        return not self.still_failing and not self.broken


def read_tests(output: str) -> dict[str, bool]:
    """Whether each test passed, by its name: of `pytest -rA` (its last summary) or of unittest's verbose lines.

    Names in task sets may be cut at the first blank, since that is how the field's scoring reads them; so a test is
    found under that name too. A name that stands for several tests is good when all of them are.
    """
    found: dict[str, bool] = {}

    def note(names: set[str], good: bool) -> None:
        for name in names:
            found[name] = found.get(name, True) and good

    summaries = list(_SUMMARY.finditer(output))
    if summaries:
        # only what follows the last one: a test may print lines like these
        for status, rest in _PYTEST.findall(output, summaries[-1].end()):
            note({rest, rest.partition(" - ")[0], rest.split()[0]}, status in _GOOD)
        return found
    for test, where, status in _UNITTEST.findall(output):
        note({f"{test} ({where})", f"{test} ({where.removesuffix('.' + test)})"}, status in _GOOD)
    return found


def judge(tests: dict[str, bool], fail_to_pass: Sequence[str], pass_to_pass: Sequence[str]) -> Judgement:
    """A test that did not run has not passed."""
    return Judgement(
        tuple(name for name in fail_to_pass if not tests.get(name, False)),
        tuple(name for name in pass_to_pass if not tests.get(name, False)),
    )
