"""Mocha."""

from __future__ import annotations

import re

from agent.verify.reports.cases import Case
from agent.verify.reports.console import ConsoleReport, unique
from agent.verify.runners.base import NUMBERED_SECTION, START, Runner
from agent.verify.runners.commands import append, narrow_by_title

_SUMMARY = re.compile(r"^\s{2,}(\d+) (passing|failing)\b", re.MULTILINE)


def _read_console(output: str) -> ConsoleReport | None:
    counts = {word: int(number) for number, word in _SUMMARY.findall(output)}
    if not counts:
        return None
    names = []
    # `  1) Calc` / `       adds:`: the name goes on, deeper, up to a colon
    for match in re.finditer(r"^  \d+\) ([^\n]+)\n((?: {7,}[^\n]+\n){0,8})", output, re.MULTILINE):
        parts = [match[1], *(line.strip() for line in match[2].splitlines())]
        end = next((at for at, part in enumerate(parts) if part.endswith(":")), None)
        if end is not None:
            names.append(" ".join(parts[: end + 1]).removesuffix(":"))
    failed = counts.get("failing", 0)
    cases = tuple(Case(name, "failed") for name in unique(names))
    return ConsoleReport(failed + counts.get("passing", 0), failed, unique(names), cases)


MOCHA = Runner(
    name="mocha",
    command=rf"{START}_?mocha(?:\.js)?(?:\s|$)",
    shell_words="mocha",
    request=None,
    sign=None,
    read_report=None,
    read_console=_read_console,
    section=NUMBERED_SECTION,
    section_end=None,
    for_names=narrow_by_title("-g"),
    for_files=append,
    no_tests=None,
    missing=r"Cannot find module|ERR_MODULE_NOT_FOUND",
)
