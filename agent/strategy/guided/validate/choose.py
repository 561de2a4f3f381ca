"""Which of several candidates that pass the tests is taken: the documentation, then the majority, then the size."""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.code.python_ast import parse

SMALL = 3
"""Changed lines up to which a change that passes the tests is believed without another to compare it with."""


@dataclass(frozen=True)
class Candidate:
    """New texts of files, path → text, from one reply; `title` names what was rewritten.

    `names` are the functions that were, and `doubts` how many documented examples of them fail, known once it is tried.
    """

    number: int
    title: str
    files: Mapping[str, str]
    reply: str = ""
    names: tuple[str, ...] = ()
    doubts: int = 0


def changed_lines(candidate: Candidate, before: Mapping[str, str]) -> int:
    """How many lines a candidate takes away or puts in, of what `before` holds; moved ones count twice."""
    count = 0
    for path, text in candidate.files.items():
        old, new = before.get(path, "").split("\n"), text.split("\n")
        for tag, start, end, begin, stop in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                count += max(end - start, stop - begin)
    return count


def meaning(candidate: Candidate) -> str:
    """The same for candidates that differ in comments, blanks and documentation only."""
    return "\n".join(f"{path}\n{_plain(path, text)}" for path, text in sorted(candidate.files.items()))


def _plain(path: str, text: str) -> str:
    tree = parse(text) if path.endswith(".py") else None
    if tree is None:
        return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def choose(passing: Sequence[Candidate], before: Mapping[str, str]) -> Candidate:
    """The one to take, of one at least.

    By the documented examples that fail, the number that mean the same, the size of the change, then the earliest.
    """
    votes = Counter(meaning(each) for each in passing)
    return min(passing, key=lambda each: (each.doubts, -votes[meaning(each)], changed_lines(each, before), each.number))
