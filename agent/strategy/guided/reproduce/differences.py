"""Checks that something must change, for issues that show what is wrong and not what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from agent.strategy.guided.issue.code_blocks import Reported, Step
from agent.strategy.guided.issue.expected_values import MOST_LETTERS
from agent.strategy.guided.reproduce.assertions import (
    Check,
    prose_of,
    runnable,
    short,
    steps_before,
    with_unique_descriptions,
)

_MOST = 4
_LEAST_LETTERS = 2
_COMMENT = re.compile(
    r"^(?:(?:results?|outputs?|gives|returns|prints|yields|got|is|==?>|->|==)[:=]*)?\s*", re.IGNORECASE
)
_TOLD = re.compile(
    r"\b(?:returns?|returned|gives?|gave|prints?|printed|outputs?|produces?|results? in|yields?|gets?|got|shows?|is)\b"
    r"[^`\n.]{0,40}`(?P<value>[^`\n]+)`",
    re.IGNORECASE,
)
_RIGHT = re.compile(r"\b(?:should|must|expect\w*|instead|want\w*|correct\w*|not)\b", re.IGNORECASE)


def differences_of(issue: str, found: list[Reported], imports: Mapping[str, str]) -> list[Check]:
    """Checks that the issue's code does not come to what it tells of it any more, to the letter, else by its words.

    What it tells is output, a comment behind a statement, or what prose says that the last one returns. What does not
    come of the code as it is can't be meant; that is for a run to say.
    """
    told = _told(prose_of(issue[:MOST_LETTERS], found))
    checks: list[Check] = []
    for each, opening in runnable(found, imports):
        for at, step in enumerate(each.steps):
            last = at == len(each.steps) - 1
            for said in (*_said(step), *(told if last else ())) if step.expression else ():
                checks.append(_differs(step, said, opening + steps_before(each, at)))
    return with_unique_descriptions(checks)[-_MOST:]


def _said(step: Step) -> Iterator[str]:
    """What the issue shows of a statement."""
    if step.output and not step.failed:
        yield step.said
    elif not step.output:
        for line in step.said.split("\n"):
            value = _COMMENT.sub("", line).partition(" #")[0].strip()
            if len(value) >= _LEAST_LETTERS:
                yield value


def _told(text: str) -> list[str]:
    """What a text says that comes of its code, as far as it does not say that it should."""
    found = []
    for match in _TOLD.finditer(text):
        sentence = text[max(match.start() - 60, 0) : match.start("value")].rpartition(". ")[2]
        if not _RIGHT.search(sentence) and len(match["value"]) >= _LEAST_LETTERS:
            found.append(match["value"])
    return list(dict.fromkeys(found))[:_MOST]


def _differs(step: Step, said: str, before: str) -> Check:
    line = before.count("\n") + 1
    before += f"result, shown = {step.expression}, {said!r}\n"
    text = "str(result)" if step.prints else "repr(result)"
    words = f"`{short(step.expression)}` does not give `{short(said)}` any more"
    by_words = Check(words, f"{before}assert {text}.split() != shown.split()\n", line)
    return Check(words, f"{before}assert {text} != shown\n", line, otherwise=by_words)
