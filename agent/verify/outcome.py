"""What a test run said: the counts and the names of what failed, from the runner's own output."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PYTEST_SUMMARY = re.compile(r"^(?:=+ )?(\d+ [a-z]+(?: [a-z]+)?(?:, \d+ [a-z]+(?: [a-z]+)?)*) in [\d.]+s", re.MULTILINE)
_PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")
_PYTEST_FAILED = re.compile(r"^(?:FAILED|ERROR|SUBFAILED.*?(?= \S+::)) (\S+)", re.MULTILINE)
_UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
_UNITTEST_BAD = re.compile(r"^FAILED \((.*)\)", re.MULTILINE)
_UNITTEST_FAILED = re.compile(r"^(?:FAIL|ERROR): (\S+ \([^)]*\)|\S+)", re.MULTILINE)
_GO_FAILED = re.compile(r"^\s*--- FAIL: (\S+)", re.MULTILINE)
_CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.MULTILINE)
_CARGO_FAILED = re.compile(r"^test (\S+) \.\.\. FAILED", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """Counts are None where the runner does not tell them."""

    tests: int | None = None
    failed: int | None = None
    failures: tuple[str, ...] = ()


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def read_outcome(output: str) -> Outcome:
    """The outcome in a runner's output: pytest, unittest, go or cargo; an empty one for any other."""
    summaries = _PYTEST_SUMMARY.findall(output)
    if summaries:
        counts = {kind: int(number) for number, kind in _PYTEST_COUNT.findall(summaries[-1])}
        failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
        run = failed + counts.get("passed", 0) + counts.get("xfailed", 0) + counts.get("xpassed", 0)
        return Outcome(run, failed, _unique(_PYTEST_FAILED.findall(output)))
    ran = _UNITTEST_RAN.findall(output)
    if ran:
        bad = _UNITTEST_BAD.findall(output)
        failed = sum(
            int(number) for kind, number in re.findall(r"(\w+)=(\d+)", bad[-1]) if kind in {"failures", "errors"}
        ) if bad else 0  # fmt: skip
        return Outcome(int(ran[-1]), failed, _unique(_UNITTEST_FAILED.findall(output)))
    cargo = _CARGO.findall(output)
    if cargo:
        passed, failed = (sum(int(each[i]) for each in cargo) for i in (0, 1))
        return Outcome(passed + failed, failed, _unique(_CARGO_FAILED.findall(output)))
    names = _GO_FAILED.findall(output)
    return Outcome(None, len(names) or None, _unique(names))
