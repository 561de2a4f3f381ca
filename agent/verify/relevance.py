"""Which failing tests an issue speaks of, by the names in both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from agent.code.words import IDENTIFIER
from agent.session.events import TestFailure

_FUNCTION = re.compile(r"\bin (?!<)(\w+)\b|^(?:E\s+)?[^\n]*?\b(\w+)\(", re.MULTILINE)
_GENERIC = frozenset({"test", "tests", "init", "main", "self", "error", "assert", "value", "result", "true", "false"})
_MIN_CHARACTERS = 3


def failures_named(issue: str, failing: Iterable[str], details: Iterable[TestFailure]) -> list[str]:
    """Those of the `failing` tests that the issue speaks of, in their order.

    A test is spoken of when the issue has, as a word, its name or that of its file, without what marks a test; or the
    name of a file or function that its traceback goes through.
    """
    spoken = {word.lower() for word in IDENTIFIER.findall(issue)} | {
        PurePosixPath(path).stem.lower() for path in re.findall(r"[\w./-]+\.\w+", issue)
    }
    traces = {detail.name: detail for detail in details}
    return [name for name in failing if _words_of(name, traces.get(name)) & spoken]


def _words_of(name: str, detail: TestFailure | None) -> set[str]:
    parts = re.split(r"::|\.(?!\w+$)|[./\s()\[]+", name)
    found = {part.removesuffix(".py").lower() for part in parts}
    if detail is not None:
        found |= {PurePosixPath(path).stem.lower() for path, _ in detail.places}
        found |= {word.lower() for pair in _FUNCTION.findall(f"{detail.text}\n{detail.message}") for word in pair}
    bare = {re.sub(r"^tests?_?|_?tests?$", "", word) for word in found}
    return {word for word in found | bare if len(word) >= _MIN_CHARACTERS and word not in _GENERIC}
