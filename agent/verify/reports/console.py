"""What a runner's console output says: the counts of its summary, and the tests that it names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.verify.reports.cases import MAX_CASES, Case, merged


@dataclass(frozen=True)
class ConsoleReport:
    """Counts are None where the output has none. `cases` are the tests that are named, all that ran if `complete`."""

    tests: int | None = None
    failed: int | None = None
    failures: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    complete: bool = False
    runs: int = 1  # summaries in the output: of several runs, one after another


def failing_id(names: Iterable[str]) -> str:
    """An identifier of a set of failing tests: 16 hexadecimal digits, empty for no tests."""
    every = "\n".join(sorted(set(names)))
    return hashlib.sha256(every.encode("utf-8", "replace")).hexdigest()[:16] if every else ""


def unique(names: list[str]) -> tuple[str, ...]:
    """The names, each once, in order."""
    return tuple(dict.fromkeys(names))


def report_of(tests: int | None, failed: int | None, cases: list[Case], runs: int = 1) -> ConsoleReport:
    """The report of a runner that names tests; complete if they are as many as it counts."""
    every = merged(cases[:MAX_CASES])
    failures = tuple(case.id for case in every if case.failed)
    ran = sum(case.status != "skipped" for case in every)
    complete = runs == 1 and bool(tests) and ran == tests and len(failures) == (failed or 0)
    return ConsoleReport(tests, failed, failures, every, complete, runs)


def counted(
    summary: str, counts: Callable[[re.Match[str]], tuple[int, int]], header: str
) -> Callable[[str], ConsoleReport | None]:
    """A reader for a runner with a line of counts, whose failures stand under headers with their names.

    `summary` and `header` are regular expressions for lines; `counts` gives how many tests ran, and how many failed.
    """
    line, names_in = re.compile(summary, re.MULTILINE), re.compile(header, re.MULTILINE)

    def read(output: str) -> ConsoleReport | None:
        matches = list(line.finditer(output))
        if not matches:
            return None
        tests, failed = counts(matches[-1])
        names = unique([each.strip() for each in names_in.findall(output)])
        return ConsoleReport(tests, failed, names, tuple(Case(each, "failed") for each in names), False, len(matches))

    return read


def count_words(match: re.Match[str]) -> tuple[int, int]:
    """The counts of `1 failed, 2 passed, 3 total`."""
    words = {word: int(number) for number, word in re.findall(r"(\d+) (failed|passed)", match[1])}
    return words.get("failed", 0) + words.get("passed", 0), words.get("failed", 0)
