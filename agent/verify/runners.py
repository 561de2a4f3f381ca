"""Knowing the runner behind a test command, and asking it for a report without changing what the command means."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Literal

Name = Literal[
    "pytest", "unittest", "django", "tox", "go", "cargo", "jest", "vitest", "mocha", "node", "maven", "gradle", "rspec",
    "phpunit", "other",
]  # fmt: skip

_START = r"(?:^|[\s/])"
_RUNNERS: tuple[tuple[Name, re.Pattern[str]], ...] = tuple(
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
class Known:
    """What is known of a test command: its runner, and whether arguments can be added at its end."""

    runner: Name
    takes_arguments: bool
    separator: str = ""  # what must stand between the command and arguments: `--` for npm

    @property
    def is_python(self) -> bool:
        """Whether the tests run in Python."""
        return self.runner in _PYTHON


def last_step(command: str) -> str:
    """The last of the commands joined by `&&` or `;`."""
    return re.split(r"&&|;", command)[-1].strip()


def know(command: str, package_json: str = "") -> Known:
    """What is known of `command`; `package_json` is read for what `npm test` runs."""
    step = last_step(command)
    plain = bool(step) and not _UNSAFE.search(step)
    if script := _SCRIPT.match(step):
        inner = know(_npm_script(package_json, script[1]))
        separator = "--" if re.search(r"(^|/)npm\s", step) and " -- " not in step else ""
        return Known(inner.runner, plain and inner.takes_arguments, separator)
    for name, pattern in _RUNNERS:
        if pattern.search(step):
            return Known(name, plain and name != "tox")
    return Known("other", False)


def _npm_script(package_json: str, name: str) -> str:
    try:
        scripts = json.loads(package_json or "{}").get("scripts", {})
        return str(scripts.get("test" if name == "t" else name, ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def with_arguments(command: str, known: Known, *arguments: str) -> str:
    """The command with arguments at its end, as they are."""
    return " ".join([command.rstrip(), *filter(None, [known.separator]), *arguments])


@dataclass(frozen=True)
class Asked:
    """A command that writes a report, and where: `file` one file, else `pattern` for the new files of that path."""

    command: str
    file: str = ""
    pattern: str = ""


def ask_for_report(command: str, known: Known, folder: str) -> Asked:
    """The command so that it leaves a report in `folder`, a place of ours outside the repository, where it can.

    Only what the runner prints or writes beside changes, never which tests run or how they end.
    """
    place = shlex.quote(folder)
    fresh = f"rm -rf {place}; mkdir -p {place}; "
    runner, step = known.runner, last_step(command)
    asked = Asked(command)
    if runner in _REPORT_FOLDERS:
        asked = Asked(f"{fresh}touch {place}/began; {command}", pattern=_REPORT_FOLDERS[runner])
    elif runner in {"pytest", "tox", "other"}:
        # by the environment, so that it reaches pytest through make, nox or a script; the older family names files
        options = f"-o junit_family=xunit1 --junitxml={folder}/report.xml"
        variable = f'export PYTEST_ADDOPTS="${{PYTEST_ADDOPTS-}} {options}"; '
        asked = Asked(fresh + variable + command, f"{folder}/report.xml")
    elif runner == "rspec":
        options = f"${{SPEC_OPTS---format progress}} --format json --out {folder}/report.json"
        asked = Asked(f'{fresh}export SPEC_OPTS="{options}"; {command}', f"{folder}/report.json")
    elif not known.takes_arguments or (runner in _OWN and re.search(_OWN[runner], step)):
        pass
    elif runner == "unittest":
        asked = Asked(with_arguments(command, known, "-v"))
    elif runner == "go":
        asked = Asked(re.sub(r"(\bgo\s+test)(?=\s|$)(?!.*\bgo\s+test\b)", r"\1 -json", command, count=1))
    elif runner in _FLAGS:
        name, *flags = _FLAGS[runner]
        given = [flag.replace("FILE", shlex.quote(f"{folder}/{name}")) for flag in flags]
        asked = Asked(fresh + with_arguments(command, known, *given), f"{folder}/{name}")
    return asked


_REPORT_FOLDERS: dict[str, str] = {"maven": "*-reports/TEST-*.xml", "gradle": "*/test-results/*/TEST-*.xml"}
_FLAGS: dict[str, tuple[str, ...]] = {
    "jest": ("report.json", "--json", "--outputFile=FILE"),
    "vitest": ("report.xml", "--reporter=default", "--reporter=junit", "--outputFile.junit=FILE"),
    "phpunit": ("report.xml", "--log-junit", "FILE"),
}
# what a command that asks for its own kind of output has in it
_OWN: dict[str, str] = {
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


def was_refused(output: str) -> bool:
    """Whether the runner ended since it does not know what it was asked for."""
    return bool(_REFUSED_OPTION.search(output[-4000:] + output[:4000]))
