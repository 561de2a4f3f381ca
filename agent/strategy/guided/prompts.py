"""The narrow questions of the guided strategy; all about one region share a prefix, which is prefilled once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from agent.code.languages import LANGUAGES
from agent.code.regions import Region
from agent.session.events import TestsRan
from agent.strategy.guided.state import GuidedState, Messages
from agent.text import estimate_tokens, truncate
from agent.verify.failure_digest import digest
from prompts import render

_MAX_WHOLE_FILE = 800
"""Tokens; of more a small model copies the whole file, and on a processor it takes long to be read."""
_MAX_HEAD = 400  # tokens
_HEAD = re.compile(r"(import|from|#include|using|use|package|require|const \w+ = require)\b|[A-Z_][A-Z0-9_]* *=")


def message(text: str) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": text}


def about_issue(guided: GuidedState, wanted: str) -> Messages:
    """The messages that ask for `wanted` about the issue alone; they begin as those about code do."""
    return _with_system(render("guided_issue", issue=_issue(guided)) + f"\n\n{wanted}")


def about_region(
    guided: GuidedState,
    region: Region,
    wanted: str,
    *,
    source: str = "",
    failure: TestsRan | None = None,
    test: str = "",
) -> Messages:
    """The messages that ask for `wanted` about a region: issue, code, how it fails, the question.

    `source` is the text of its file, where that is not the one at the base commit. Of a long file the region is shown,
    with the imports and constants before it and what encloses it.
    """
    room = guided.model.budget.prompt
    source, head = source or guided.sources[region.path], ""
    if estimate_tokens(source) > min(room // 3, _MAX_WHOLE_FILE):
        head, source = excerpt(source, region, room // 3)
    text = render(
        "guided_problem",
        issue=_issue(guided),
        path=region.path,
        language=LANGUAGES.get(PurePosixPath(region.path).suffix, ""),
        head=head,
        source=source,
        command=failure.command if failure else "",
        failure=failure_text(guided, failure, room // 6) if failure else "",
        test=truncate(test, room // 6) if test else "",
    )
    return _with_system(f"{text}\n\n{wanted}")


def _issue(guided: GuidedState) -> str:
    return truncate(guided.context.issue.text, guided.model.budget.prompt // 5)


def _with_system(text: str) -> Messages:
    return [{"role": "system", "content": render("guided_system")}, message(text)]


def excerpt(source: str, region: Region, tokens: int) -> tuple[str, str]:
    """The imports and constants before a region, and the region below what encloses it.

    The first is cut short so that both have at most `tokens`, as far as that can be.
    """
    lines = source.split("\n")[: region.start - 1]
    whole = "\n".join([*_enclosing(lines, _indent(region.source)), region.source])
    head = "\n".join(_head_lines(lines))
    return truncate(head, min(max(tokens - estimate_tokens(whole), 0), _MAX_HEAD)) if head else "", whole


def _head_lines(lines: Sequence[str]) -> Iterator[str]:
    """The imports and constants of a file, whole where an import goes over several lines."""
    within = False
    for line in lines:
        if within or _HEAD.match(line):
            yield line
            within = ")" not in line and (within or line.rstrip().endswith("import ("))


def _enclosing(before: Sequence[str], indent: int) -> list[str]:
    """The lines that open what a region of this indentation stands in: a method's class."""
    found = []
    for line in reversed(before):
        if indent == 0:
            break
        if line.strip() and _indent(line) < indent and line.strip()[0] not in "})]":
            indent = _indent(line)
            found.append(line)
    return found[::-1]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def failure_text(guided: GuidedState, ran: TestsRan, tokens: int) -> str:
    """How a run failed, in few tokens, with the lines of code the failures name."""
    return digest(ran, tokens, guided.sources.get)


def tail(output: str, tokens: int) -> str:
    """The end of a runner's output, where the failure is, within a bound."""
    taken: list[str] = []
    for line in reversed(output.strip().splitlines()):
        tokens -= estimate_tokens(line)
        if tokens < 0:
            taken.append("[...]")
            break
        taken.append(line)
    return "\n".join(reversed(taken))
