"""The narrow questions of the guided strategy; all about one region share a prefix, which is prefilled once."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from agent.session.events import TestsRan
from agent.strategy.regions import Region
from agent.strategy.work import Work
from prompts import render
from tools.truncate import estimate_tokens, truncate

_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".ts": "typescript",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
}


def question(text: str) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": text}


def ask_about(
    work: Work, region: Region, wanted: str, *, failure: TestsRan | None = None, test: str = ""
) -> list[dict[str, Any]]:
    """The messages that ask for `wanted` about a region: issue, code, how it fails if that is known, the question."""
    room = work.budget.prompt
    source = work.sources.get(region.path, region.source)
    if estimate_tokens(source) > room // 3:
        source = region.source
    text = render(
        "guided_problem",
        issue=truncate(work.issue.text, room // 5),
        path=region.path,
        language=_LANGUAGES.get(PurePosixPath(region.path).suffix, ""),
        source=source,
        command=failure.command if failure else "",
        failure=tail(failure.output, room // 6) if failure else "",
        test=truncate(test, room // 6) if test else "",
    )
    return [{"role": "system", "content": render("guided_system")}, question(f"{text}\n\n{wanted}")]


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
