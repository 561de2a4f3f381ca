"""The runner behind a test command, and the command that makes it write a report, with the same tests and outcome."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Literal

RunnerName = Literal[
    "pytest", "unittest", "django", "tox", "go", "cargo", "jest", "vitest", "mocha", "node", "maven", "gradle", "rspec",
    "phpunit", "other",
]  # fmt: skip

_START = r"(?:^|[\s/])"
_RUNNERS: tuple[tuple[RunnerName, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))  # type: ignore[misc]
    for name, pattern in (
        ("unittest", r"\s-m\s+unittest(?:\s|$)"),
        ("django", r"manage\.py\s+test(?:\s|$)"),
        ("pytest", rf"{_START}(?:py\.test|pytest)(?:\s|$)"),
        ("tox", rf"{_START}(?:tox|nox)(?:\s|$)"),
        ("go", rf"{_START}go\s+test(?:\s|$)"),
        ("cargo", rf"{_START}cargo\s+(?:\+\S+\s+)?test(?:\s|$)"),
        ("vitest", rf"{_START}vitest(?:\.mjs)?(?:\s|$)"),
        ("jest", rf"{_START}jest(?:\.js)?(?:\s|$)"),
        ("mocha", rf"{_START}_?mocha(?:\.js)?(?:\s|$)"),
        ("node", rf"{_START}node\s+(?:--?\S+\s+)*--test(?:\s|$)"),
        ("maven", rf"{_START}mvnw?\s(?:.*\s)?(?:test|verify|package|install)(?:\s|$)"),
        ("gradle", rf"{_START}gradlew?\s(?:.*\s)?(?::?[\w:-]*:)?(?:test|check|build)(?:\s|$)"),
        ("rspec", rf"{_START}rspec(?:\s|$)"),
        ("phpunit", rf"{_START}phpunit(?:\.phar)?(?:\s|$)"),
    )
)
_SCRIPT = re.compile(r"^(?:\S*/)?(?:npm|yarn|pnpm|bun)\s+(?:(?:run|run-script)\s+)?(?:-\S+\s+)*(test|t)(?:\s|$)")
_UNSAFE = re.compile(r"[|<>()`#&\n]|\$\(")
_PYTHON = frozenset({"pytest", "unittest", "django", "tox"})


@dataclass(frozen=True)
class RunnerInfo:
    """A test command's runner, and whether arguments can be added at the command's end."""

    runner: RunnerName
    takes_arguments: bool
    separator: str = ""  # what must stand between the command and arguments: `--` for npm

    @property
    def is_python(self) -> bool:
        """Whether the tests run in Python."""
        return self.runner in _PYTHON


def last_step(command: str) -> str:
    """The last of the commands joined by `&&` or `;`."""
    return re.split(r"&&|;", command)[-1].strip()


def identify_runner(command: str, package_json: str = "") -> RunnerInfo:
    """The runner of `command`; `package_json` is the text of that file, for what `npm test` runs."""
    step = last_step(command)
    plain = bool(step) and not _UNSAFE.search(step)
    if script := _SCRIPT.match(step):
        inner = identify_runner(_npm_script(package_json, script[1]))
        separator = "--" if re.search(r"(^|/)npm\s", step) and " -- " not in step else ""
        return RunnerInfo(inner.runner, plain and inner.takes_arguments, separator)
    for name, pattern in _RUNNERS:
        if pattern.search(step):
            return RunnerInfo(name, plain and name != "tox")
    return RunnerInfo("other", False)


def _npm_script(package_json: str, name: str) -> str:
    try:
        scripts = json.loads(package_json or "{}").get("scripts", {})
        return str(scripts.get("test" if name == "t" else name, ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def with_arguments(command: str, info: RunnerInfo, *arguments: str) -> str:
    """The command with arguments, which are not quoted, at its end."""
    return " ".join([command.rstrip(), *filter(None, [info.separator]), *arguments])


@dataclass(frozen=True)
class ReportRequest:
    """A command that writes a report: to `file`, or to new files whose paths match `pattern` (as `find -path` does).

    Both are empty where the runner's output is the report, or there is none.
    """

    command: str
    file: str = ""
    pattern: str = ""


def request_report(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    """The command in a form that leaves a report in `folder`, outside the repository, where its runner can.

    Which tests run and how they end stays; what the runner prints or writes besides may change.
    """
    quoted = shlex.quote(folder)
    fresh = f"rm -rf {quoted}; mkdir -p {quoted}; "
    runner, step = info.runner, last_step(command)
    request = ReportRequest(command)
    if runner in _REPORT_FOLDERS:
        request = ReportRequest(f"{fresh}touch {quoted}/began; {command}", pattern=_REPORT_FOLDERS[runner])
    elif runner in {"pytest", "tox", "other"}:
        # by the environment, so that it reaches pytest through make, nox or a script; the older family names files
        options = f"-o junit_family=xunit1 --junitxml={folder}/report.xml"
        variable = f'export PYTEST_ADDOPTS="${{PYTEST_ADDOPTS-}} {options}"; '
        request = ReportRequest(fresh + variable + command, f"{folder}/report.xml")
    elif runner == "rspec":
        options = f"${{SPEC_OPTS---format progress}} --format json --out {folder}/report.json"
        request = ReportRequest(f'{fresh}export SPEC_OPTS="{options}"; {command}', f"{folder}/report.json")
    elif not info.takes_arguments or (runner in _CHOOSES_OUTPUT and re.search(_CHOOSES_OUTPUT[runner], step)):
        pass
    elif runner == "unittest":
        request = ReportRequest(with_arguments(command, info, "-v"))
    elif runner == "go":
        request = ReportRequest(re.sub(r"(\bgo\s+test)(?=\s|$)(?!.*\bgo\s+test\b)", r"\1 -json", command, count=1))
    elif runner in _FLAGS:
        name, *flags = _FLAGS[runner]
        given = [flag.replace("FILE", shlex.quote(f"{folder}/{name}")) for flag in flags]
        request = ReportRequest(fresh + with_arguments(command, info, *given), f"{folder}/{name}")
    return request


_REPORT_FOLDERS: dict[str, str] = {"maven": "*-reports/TEST-*.xml", "gradle": "*/test-results/*/TEST-*.xml"}
_FLAGS: dict[str, tuple[str, ...]] = {
    "jest": ("report.json", "--json", "--outputFile=FILE"),
    "vitest": ("report.xml", "--reporter=default", "--reporter=junit", "--outputFile.junit=FILE"),
    "phpunit": ("report.xml", "--log-junit", "FILE"),
}
# what a command has in it that chooses the form of its output itself
_CHOOSES_OUTPUT: dict[str, str] = {
    "unittest": r"\s(-q|--quiet|-v|--verbose)(\s|$)",
    "go": r"\s-(json|c|bench|fuzz)\b",
    "jest": r"--json\b",
    "vitest": r"--reporter\b",
    "phpunit": r"--log-junit\b",
}
_REFUSED_OPTION = re.compile(
    r"(?i)(unrecogni[sz]ed|unknown|invalid|unexpected|no such|not defined|does not exist)[^\n]{0,80}"
    r"(junit|outputFile|--json|-json|--reporter|--format|--verbose|-v\b)"
)


def report_refused(output: str) -> bool:
    """Whether the runner stopped because it does not know the options for a report."""
    return bool(_REFUSED_OPTION.search(output[-4000:] + output[:4000]))
