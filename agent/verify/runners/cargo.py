"""cargo test."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.verify.reports.cases import Case, Status
from agent.verify.reports.console import ConsoleReport, report_of
from agent.verify.runners.base import START, Runner, RunnerInfo
from agent.verify.runners.commands import quoted, with_arguments

_SUMMARY = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.MULTILINE)
_LINE = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", re.MULTILINE)
_LISTED = re.compile(r"^failures:\n((?:    \S+\n)+)", re.MULTILINE)


def _read_console(output: str) -> ConsoleReport | None:
    found = _SUMMARY.findall(output)
    if not found:
        return None
    passed, failed = (sum(int(each[i]) for each in found) for i in (0, 1))
    statuses: dict[str, Status] = {"ok": "passed", "FAILED": "failed"}
    cases = [Case(name, statuses.get(word, "skipped")) for name, word in _LINE.findall(output)]
    cases += [Case(name, "failed") for listed in _LISTED.findall(output) for name in listed.split()]
    return report_of(passed + failed, failed, cases)


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    separator = [] if " -- " in command else ["--"]
    return with_arguments(command, info, *separator, "--exact", *quoted(names))


CARGO = Runner(
    name="cargo",
    command=rf"{START}cargo\s+(?:\+\S+\s+)?test(?:\s|$)",
    shell_words="test",
    request=None,
    sign=None,
    read_report=None,
    read_console=_read_console,
    section=r"^---- (\S{1,500}) stdout ----$",
    section_end=r"failures:$|test result:",
    for_names=_for_names,
    for_files=None,
    no_tests=None,
    missing="failed to (?:download|get)",
)
