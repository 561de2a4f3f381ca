"""Maven."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from agent.verify.reports.console import counted
from agent.verify.reports.junit import Element, junit_reader
from agent.verify.runners.base import START, Runner, RunnerInfo
from agent.verify.runners.commands import request_files, with_arguments


def _id(element: Element, _: str, __: dict[str, str]) -> str:
    return f"{element.classname}#{element.name.removesuffix('()')}"


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    if not all(re.fullmatch(r"[\w.$#]+", name) for name in names):
        return ""
    loose = ("-Dsurefire.failIfNoSpecifiedTests=false", "-DfailIfNoTests=false")
    return with_arguments(command, info, shlex.quote(f"-Dtest={','.join(names)}"), *loose)


def _for_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    return _for_names(command, info, [PurePosixPath(path).stem for path in files])


MAVEN = Runner(
    name="maven",
    command=rf"{START}mvnw?\s(?:.*\s)?(?:test|verify|package|install)(?:\s|$)",
    shell_words="mvn",
    request=request_files("*-reports/TEST-*.xml"),
    sign=None,
    read_report=junit_reader(_id),
    read_console=counted(
        r"Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)\s*$",
        lambda match: (int(match[1]) - int(match[4]), int(match[2]) + int(match[3])),
        r"^\[ERROR\] (?:\s+)?([\w.$]+\.[\w$]+)(?::\d+| --)[^\n]*$",
    ),
    section=None,
    section_end=None,
    for_names=_for_names,
    for_files=_for_files,
    no_tests=r"\bno tests (?:were (?:found|executed)|to run)",
    missing=(
        r"Could not resolve (?:host|dependencies|all )|Could not (?:transfer|find) artifact|"
        r"Plugin \S+ .{0,80}not be resolved"
    ),
)
