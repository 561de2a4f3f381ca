"""PHPUnit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from agent.verify.reports.console import counted
from agent.verify.reports.junit import Element, junit_reader
from agent.verify.runners.base import NUMBERED_SECTION, START, Runner, RunnerInfo
from agent.verify.runners.commands import request_by_options, with_arguments


def _id(element: Element, _: str, __: dict[str, str]) -> str:
    return f"{element.classname.replace('.', chr(92))}::{element.name}"


def _counts(match: re.Match[str]) -> tuple[int, int]:
    if match[1]:
        return int(match[1]), 0
    bad = sum(int(number) for number in re.findall(r"(?:Failures|Errors): (\d+)", match[3]))
    return int(match[2]), bad


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    methods = [re.escape(name.rpartition("::")[2].partition(" ")[0]) for name in names]
    return with_arguments(command, info, "--filter", shlex.quote(f"/::({'|'.join(dict.fromkeys(methods))})( |$)/"))


PHPUNIT = Runner(
    name="phpunit",
    command=rf"{START}phpunit(?:\.phar)?(?:\s|$)",
    shell_words=None,
    request=request_by_options("report.xml", "--log-junit", "FILE", chosen=r"--log-junit\b"),
    sign=None,
    read_report=junit_reader(_id),
    read_console=counted(
        r"^(?:OK \((\d+) tests?,|Tests: (\d+), Assertions: \d+(.*)$)",
        _counts,
        r"^\d+\) ([\w\\]+::\w+[^\n]{0,200})$",
    ),
    section=NUMBERED_SECTION,
    section_end=r"FAILURES!",
    for_names=_for_names,
    for_files=None,
    no_tests=r"no tests executed",
    missing=r"vendor/autoload\.php",
)
