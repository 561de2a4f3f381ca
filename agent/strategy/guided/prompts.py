"""The narrow questions of the guided strategy; all about one region share a prefix, which is prefilled once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from agent.code.regions import Region
from agent.session.events import TestsRan
from agent.strategy.guided.state import GuidedState
from agent.text import estimate_tokens, truncate
from agent.verify.failure_digest import digest
from prompts import render

_WHOLE_FILE = 800  # tokens; of more a small model copies the whole file, and on a processor it takes long to be read
_HEAD_TOKENS = 400
_HEAD = re.compile(r"(import|from|#include|using|use|package|require|const \w+ = require)\b|[A-Z_][A-Z0-9_]* *=")
_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".jsx": "jsx",
    ".ts": "typescript",
    ".tsx": "tsx",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".rb": "ruby",
    ".php": "php",
    ".c": "c",
    ".cpp": "cpp",
    ".cs": "csharp",
}


def question(text: str) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": text}


def ask_of_issue(guided: GuidedState, wanted: str) -> list[dict[str, Any]]:
    """The messages that ask for `wanted` about the issue alone; they begin as those about code do."""
    return _with_system(render("guided_issue", issue=_issue(guided)) + f"\n\n{wanted}")


def _issue(guided: GuidedState) -> str:
    return truncate(guided.context.issue.text, guided.model.budget.prompt // 5)


def _with_system(text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": render("guided_system")}, question(text)]


def ask_about(
    guided: GuidedState,
    region: Region,
    wanted: str,
    *,
    source: str,
    failure: TestsRan | None = None,
    test: str = "",
) -> list[dict[str, Any]]:
    """The messages that ask for `wanted` about a region of the file `source`: issue, code, how it fails, the question.

    Of a long file the region is shown, with the imports and constants before it and what encloses it.
    """
    room = guided.model.budget.prompt // 3
    head = ""
    if estimate_tokens(source) > min(room, _WHOLE_FILE):
        head, source = excerpt(source, [region], room)
    return _asked(guided, region.path, source, wanted, failure, test, head)


def ask_about_all(
    guided: GuidedState,
    sources: Mapping[str, str],
    regions: Sequence[Region],
    *,
    failure: TestsRan | None,
    test: str = "",
) -> list[dict[str, Any]]:
    """The messages that ask for any of several regions, in one file or in several."""
    room = guided.model.budget.prompt // 3
    paths = list(dict.fromkeys(region.path for region in regions))
    parts = [
        "\n\n".join(
            filter(None, excerpt(sources[path], [each for each in regions if each.path == path], room // len(paths)))
        )
        for path in paths
    ]
    wanted = render("guided_together", titles=[region.title for region in regions])
    return _asked(guided, ", ".join(paths), "\n\n".join(parts), wanted, failure, test)


def _asked(
    guided: GuidedState,
    path: str,
    source: str,
    wanted: str,
    failure: TestsRan | None,
    test: str,
    head: str = "",
) -> list[dict[str, Any]]:
    room = guided.model.budget.prompt
    text = render(
        "guided_problem",
        issue=_issue(guided),
        path=path,
        language=_LANGUAGES.get(PurePosixPath(path).suffix, ""),
        head=head,
        source=source,
        command=failure.command if failure else "",
        failure=shown_failure(guided, failure, room // 6) if failure else "",
        test=truncate(test, room // 6) if test else "",
    )
    return _with_system(f"{text}\n\n{wanted}")


def excerpt(source: str, regions: Sequence[Region], tokens: int) -> tuple[str, str]:
    """The head of a file as far as its imports and constants go, and the regions below what encloses them.

    The head is cut short so that both have at most `tokens`, as far as it can help that.
    """
    lines = source.split("\n")
    ordered = sorted(regions, key=lambda region: region.start)
    shown: list[str] = []
    for region in ordered:
        shown += [*(line for line in _enclosing(lines, region) if line not in shown), region.source, ""]
    whole = "\n".join(shown).rstrip()
    head = "\n".join(_head_lines(lines[: ordered[0].start - 1]))
    return truncate(head, min(max(tokens - estimate_tokens(whole), 0), _HEAD_TOKENS)) if head else "", whole


def _head_lines(lines: Sequence[str]) -> Iterator[str]:
    """The imports and constants of a file, whole where an import goes over several lines."""
    within = False
    for line in lines:
        if within or _HEAD.match(line):
            yield line
            within = ")" not in line and (within or line.rstrip().endswith("import ("))


def _enclosing(lines: Sequence[str], region: Region) -> list[str]:
    """The lines that open what a region stands in: a method's class, by their indentation."""
    indent = _indent(lines[region.start - 1])
    found = []
    for line in reversed(lines[: region.start - 1]):
        if indent == 0:
            break
        if line.strip() and _indent(line) < indent and line.strip()[0] not in "})]":
            indent = _indent(line)
            found.append(line)
    return found[::-1]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def shown_failure(guided: GuidedState, ran: TestsRan, tokens: int) -> str:
    """How a run failed, in few tokens, with the lines of code the failures name."""
    return digest(ran, tokens, guided.sources.get)


def tail(output: str, tokens: int) -> str:
    """The end of a runner's output, where the failure is, within a bound."""
    lines = output.strip().splitlines()
    taken: list[str] = []
    used = 0
    for line in reversed(lines):
        used += estimate_tokens(line)
        if used > tokens:
            taken.append("[...]")
            break
        taken.append(line)
    return "\n".join(reversed(taken))
