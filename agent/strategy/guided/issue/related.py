"""Which of the tests that fail have to do with the issue: old failures are not to be mended by the way."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.session.events import TestsRan
from agent.verify.reports.errors import last_error

_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|[a-z]+")
_LEAST_LETTERS = 3
_NOT_THERE = re.compile(r"\b(?:file or directory not found|not found): \S+$")
_COMMON = frozenset(
    _WORD.findall(
        """test tests self assert assertion error errors raise raises return returns should when with from this that
        have value values result results expected actual python file line code function class none true false import
        does gives given call called calls issue problem wrong fail fails failed pass passes passed traceback recent
        last most what which there their then than them into only also some same other more type name list dict
        string number float bool args kwargs init main module object data item items input output case cases example
        show shows the and for not are was has its can but all any one two set get new old now run use see how why
        who out off via etc you our may let try got put def str len int val ret obj tmp foo bar baz did had yes"""
    )
)


def related(failure: TestsRan, issue: str, sources: Mapping[str, str]) -> frozenset[str]:
    """The failing tests that share words with the issue: one in their name, or two in how they fail; often all."""
    told = words(issue)
    found = set()
    details = {each.name: each for each in failure.details}
    for name in failure.failures:
        detail = details.get(name)
        named = words(name)
        said = words(f"{detail.message}\n{detail.text}") if detail else set()
        for path, line in detail.places if detail else []:
            said |= words("\n".join(sources.get(path, "").split("\n")[max(line - 4, 0) : line + 1]))
        if named & told or len(said & told) >= 2:
            found.add(name)
    return frozenset(found)


def error_mentions_issue(failure: TestsRan, issue: str) -> bool:
    """Whether the last error in a failing run shares a word with the issue; that a test is not there does not."""
    error = last_error(failure.output)
    return not _NOT_THERE.search(error) and bool(words(error) & words(issue))


def words(text: str) -> set[str]:
    """The words of a text, of its identifiers, too, in lower case; neither short nor common ones."""
    found = {word.lower() for word in _WORD.findall(text)}
    return {word for word in found if len(word) >= _LEAST_LETTERS} - _COMMON
