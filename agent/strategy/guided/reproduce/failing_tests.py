"""Tests that fail before any change, as far as they have to do with the issue: old failures are not its business."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.code.words import words
from agent.session.events import TestsRan
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.state import GuidedState
from agent.verify.reports.errors import last_error

_MISSING_TEST = re.compile(r"\b(?:file or directory not found|not found): \S+$")
_LINES_ABOVE = 4  # of a line that a failure names
_COMMON = frozenset(
    """
    actual args assert assertion bar baz call called calls case cases code data dict error errors etc example
    expected fail failed fails file float foo given gives got how init input issue item items kwargs last len
    line list main module more most name now number obj object off old one out output pass passed passes problem
    put python raises recent result results ret returns run same see show shows some test tests their them tmp
    traceback two type val value values via who why wrong yes
    """.split()  # noqa: SIM905
)
"""Words of tests, errors and reports, beside those that `agent.code.words` leaves out."""


async def related_failures(guided: GuidedState) -> list[Reproduction]:
    """The failing tests that have to do with the issue; all where the runner names none."""
    failure = usable_failure(guided)
    if failure is None:
        return []
    tests = related_tests(failure, guided.issue, guided.sources)
    return [Reproduction(failure, tests=tests)] if tests or not failure.failures else []


async def all_failures(guided: GuidedState) -> list[Reproduction]:
    """All failing tests, for where nothing else shows the problem."""
    failure = usable_failure(guided)
    return [Reproduction(failure, tests=frozenset(failure.failures))] if failure else []


def usable_failure(guided: GuidedState) -> TestsRan | None:
    """The failing run of the tests at the base commit; None where they pass, or can't run for another reason."""
    baseline = guided.context.baseline
    if baseline.ran is None or baseline.ran.passed:
        return None
    unusable = baseline.tests_unusable and not error_mentions_issue(baseline.ran, guided.issue)
    return None if unusable else baseline.ran


def related_tests(failure: TestsRan, issue: str, sources: Mapping[str, str]) -> frozenset[str]:
    """The failing tests that share words with the issue: one in their name, or two in how they fail."""
    about = _telling_words(issue)
    details = {each.name: each for each in failure.details}
    found = set()
    for name in failure.failures:
        detail = details.get(name)
        shown = [detail.message, detail.text] if detail else []
        for path, line in detail.places if detail else []:
            shown += sources.get(path, "").split("\n")[max(line - _LINES_ABOVE, 0) : line + 1]
        if _telling_words(name) & about or len(_telling_words("\n".join(shown)) & about) >= 2:
            found.add(name)
    return frozenset(found)


def error_mentions_issue(failure: TestsRan, issue: str) -> bool:
    """Whether the last error of a failing run shares a word with the issue; that a test is missing does not count."""
    error = last_error(failure.output)
    return not _MISSING_TEST.search(error) and bool(_telling_words(error) & _telling_words(issue))


def _telling_words(text: str) -> set[str]:
    return set(words(text)) - _COMMON
