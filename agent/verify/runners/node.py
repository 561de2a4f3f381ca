"""Node's own test runner."""

from __future__ import annotations

import re

from agent.verify.reports.cases import Case
from agent.verify.reports.console import ConsoleReport, unique
from agent.verify.runners.base import START, Runner

_SUMMARY = re.compile(r"^(?:#|ℹ) (pass|fail) (\d+)$", re.MULTILINE)
_FAILED = re.compile(r"^(?:not ok \d+ - |✖ )([^\n]{1,500}?)(?: \([\d.]+ms\))?$", re.MULTILINE)


def _read_console(output: str) -> ConsoleReport | None:
    counts = {word: int(number) for word, number in _SUMMARY.findall(output)}
    if not counts:
        return None
    names = unique([name.strip() for name in _FAILED.findall(output)])
    names = tuple(name for name in names if name != "failing tests:")
    failed = counts.get("fail", 0)
    return ConsoleReport(failed + counts.get("pass", 0), failed, names, tuple(Case(name, "failed") for name in names))


NODE = Runner(
    name="node",
    command=rf"{START}node\s+(?:--?\S+\s+)*--test(?:\s|$)",
    shell_words="test",
    request=None,
    sign=None,
    read_report=None,
    read_console=_read_console,
    section=r"^✖ ([^\n]{1,500}?)(?: \([\d.]+ms\))?$",
    section_end=None,
    for_names=None,
    for_files=None,
    no_tests=None,
    missing=r"Cannot find module|ERR_MODULE_NOT_FOUND",
)
