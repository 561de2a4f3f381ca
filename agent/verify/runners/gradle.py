"""Gradle."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from agent.verify.reports.console import counted
from agent.verify.reports.junit import Element, junit_reader
from agent.verify.runners.base import START, Runner, RunnerInfo
from agent.verify.runners.commands import request_files, with_arguments


def _id(element: Element, _: str, __: dict[str, str]) -> str:
    return f"{element.classname}.{element.name.removesuffix('()')}"


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    names = [name.replace(" > ", ".").removesuffix("()") for name in names]
    if not re.search(r"(\s|:)test\s*$", command):  # --tests belongs to the task before it
        return ""
    return with_arguments(command, info, *(part for name in names for part in ("--tests", shlex.quote(name))))


GRADLE = Runner(
    name="gradle",
    command=rf"{START}gradlew?\s(?:.*\s)?(?::?[\w:-]*:)?(?:test|check|build)(?:\s|$)",
    shell_words="gradle",
    request=request_files("*/test-results/*/TEST-*.xml"),
    sign=None,
    read_report=junit_reader(_id),
    read_console=counted(
        r"^(\d+) tests? completed(?:, (\d+) failed)?(?:, (\d+) skipped)?",
        lambda match: (int(match[1]) - int(match[3] or 0), int(match[2] or 0)),
        r"^(\w[\w.$]* > [^\n]{1,300}) FAILED$",
    ),
    section=r"^(\w[\w.$]* > [^\n]{1,300}) FAILED$",
    section_end=None,
    for_names=_for_names,
    for_files=None,
    no_tests=r"\bno tests found",
    missing=r"Could not resolve (?:host|dependencies|all )|Could not (?:transfer|find) artifact",
)
