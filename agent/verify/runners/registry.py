"""The list of test runners, and the questions that all of them answer: which runs a command, what an output says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from agent.verify.reports.console import ConsoleReport
from agent.verify.runners.base import ReportRequest, Runner, RunnerInfo
from agent.verify.runners.cargo import CARGO
from agent.verify.runners.commands import last_step
from agent.verify.runners.django import DJANGO
from agent.verify.runners.go import GO
from agent.verify.runners.gradle import GRADLE
from agent.verify.runners.jest import JEST
from agent.verify.runners.maven import MAVEN
from agent.verify.runners.mocha import MOCHA
from agent.verify.runners.node import NODE
from agent.verify.runners.other import OTHER
from agent.verify.runners.phpunit import PHPUNIT
from agent.verify.runners.pytest import PYTEST
from agent.verify.runners.rspec import RSPEC
from agent.verify.runners.script import SCRIPT
from agent.verify.runners.tox import TOX
from agent.verify.runners.unittest import UNITTEST
from agent.verify.runners.vitest import VITEST

RUNNERS: tuple[Runner, ...] = (
    UNITTEST, DJANGO, PYTEST, TOX, GO, CARGO, VITEST, JEST, MOCHA, NODE, MAVEN, GRADLE, RSPEC, PHPUNIT,
    SCRIPT, OTHER,
)  # fmt: skip
"""A command is the first one's that it matches: `python -m unittest tests/pytest` is unittest's."""
_FIRST = (PYTEST, UNITTEST, CARGO, JEST)
BY_OUTPUT: tuple[Runner, ...] = (*_FIRST, *(each for each in RUNNERS if each not in {*_FIRST, GO}), GO)
"""An output is the first one's that can read it. That of go has no summary, so that it would read any."""

_SCRIPT = re.compile(r"^(?:\S*/)?(?:npm|yarn|pnpm|bun)\s+(?:(?:run|run-script)\s+)?(?:-\S+\s+)*(test|t)(?:\s|$)")
_UNSAFE = re.compile(r"[|<>()`#&\n]|\$\(")
_REFUSED_OPTION = re.compile(
    r"(?i)(unrecogni[sz]ed|unknown|invalid|unexpected|no such|not defined|does not exist)[^\n]{0,80}"
    r"(junit|outputFile|--json|-json|--reporter|--format|--verbose|-v\b)"
)
_COMMAND_NOT_FOUND = 127  # the shell's exit code


def any_of(patterns: Iterable[str | None], flags: re.RegexFlag = re.MULTILINE) -> re.Pattern[str]:
    """A regular expression that matches where one of them does."""
    return re.compile("|".join(dict.fromkeys(filter(None, patterns))), flags)


_COMMANDS = tuple((runner, re.compile(runner.command)) for runner in RUNNERS if runner.command)
_MISSING = any_of(runner.missing for runner in RUNNERS)
_SHELL = any_of((runner.shell_words for runner in RUNNERS), re.IGNORECASE)


def identify_runner(command: str, package_json: str = "") -> RunnerInfo:
    """The runner of `command`; `package_json` is the text of that file, for what `npm test` runs."""
    step = last_step(command)
    plain = bool(step) and not _UNSAFE.search(step)
    if script := _SCRIPT.match(step):
        inner = identify_runner(_npm_script(package_json, script[1]))
        separator = "--" if re.search(r"(^|/)npm\s", step) and " -- " not in step else ""
        return RunnerInfo(inner.runner, plain and inner.takes_arguments, separator)
    runner = next((runner for runner, pattern in _COMMANDS if pattern.search(step)), OTHER)
    return RunnerInfo(runner, plain and runner.takes_arguments)


def _npm_script(package_json: str, name: str) -> str:
    try:
        scripts = json.loads(package_json or "{}").get("scripts", {})
        return str(scripts.get("test" if name == "t" else name, ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def may_run_tests(command: str) -> bool:
    """Whether a shell command may run tests, by the words in it; many that don't have one too."""
    return bool(_SHELL.search(command))


def report_requests(command: str, info: RunnerInfo, folder: str) -> list[ReportRequest]:
    """The command in forms that leave a report in `folder`, outside the repository, the best first; the last is as is.

    Which tests run and how they end stays; what the runner prints or writes besides may change.
    """
    found = [request(command, info, folder) for request in (info.runner.sign, info.runner.request) if request]
    return [*(each for each in found if each.command != command or each.pattern), ReportRequest(command)]


def report_refused(output: str) -> bool:
    """Whether the runner stopped because it does not know the options for a report, or can't load what signs it."""
    return "swe_agent_" in output[-4000:] + output[:4000] or bool(
        _REFUSED_OPTION.search(output[-4000:] + output[:4000])
    )


def read_console(output: str) -> ConsoleReport:
    """What a runner's output reports; an empty report for output that no known runner wrote."""
    for reader in dict.fromkeys(runner.read_console for runner in BY_OUTPUT):
        report = reader(output) if reader else None
        if report is not None:
            return report
    return ConsoleReport()


def lacks_environment(output: str, exit_code: int) -> bool:
    """Whether a test run failed because something that it needs is not installed."""
    return exit_code == _COMMAND_NOT_FOUND or bool(_MISSING.search(output))
