"""pytest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agent.verify.reports.cases import Case, Status
from agent.verify.reports.console import ConsoleReport, report_of
from agent.verify.reports.junit import Element, junit_reader
from agent.verify.runners.base import START, ReportRequest, Runner, RunnerInfo
from agent.verify.runners.commands import last_step, quoted, with_arguments

_SUMMARY = re.compile(r"^(?:=+ )?(\d+ [a-z]+(?: [a-z]+)?(?:, \d+ [a-z]+(?: [a-z]+)?)*) in [\d.]+s", re.MULTILINE)
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")
_FAILED = re.compile(r"^(?:FAILED|ERROR|SUBFAILED.*?(?= \S+::)) ((?:(?! - )[^\n]){1,500}?)(?: - .*)?$", re.MULTILINE)
_LINE = re.compile(r"^(\S+::[^\n]{1,500}?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)
_TAKES_VALUE = frozenset({"-k", "-m", "-n", "-p", "-c", "-o", "-W", "--rootdir", "--cov", "--ignore", "--deselect"})


def request_by_environment(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    """By the environment, so that it reaches pytest through make, nox or a script; the older family names files."""
    options = f"-o junit_family=xunit1 --junitxml={folder}/report.xml"
    variable = f'export PYTEST_ADDOPTS="${{PYTEST_ADDOPTS-}} {options}"; '
    return ReportRequest(variable + command, f"{folder}/report.xml")


def sign_by_environment(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    """As `request_by_environment`, with the plugin that signs the report. It takes both variables back once loaded."""
    options = f"-p swe_agent_pytest -o junit_family=xunit1 --junitxml={folder}/report.xml"
    variables = f'PYTEST_ADDOPTS="${{PYTEST_ADDOPTS-}} {options}" PYTHONPATH="{folder}${{PYTHONPATH:+:$PYTHONPATH}}"'
    return ReportRequest(f"export {variables}; {command}", f"{folder}/report.xml", program="swe_agent_pytest.py")


def _read_console(output: str) -> ConsoleReport | None:
    summaries = _SUMMARY.findall(output)
    if not summaries:
        return None
    counts = {kind: int(number) for number, kind in _COUNT.findall(summaries[-1])}
    if not counts and not re.search(r"deselected|warning", summaries[-1]):
        return None
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    run = failed + counts.get("passed", 0) + counts.get("xfailed", 0) + counts.get("xpassed", 0)
    statuses: dict[str, Status] = {"PASSED": "passed", "XPASS": "passed", "FAILED": "failed", "ERROR": "error"}
    cases = [Case(name, statuses.get(word, "skipped")) for name, word in _LINE.findall(output)]
    failures = [name for name in _FAILED.findall(output) if _is_node(name)]
    return report_of(run, failed, [*cases, *(Case(name, "failed") for name in failures)], len(summaries))


def _is_node(name: str) -> bool:
    """Whether it is a test or file of pytest's, no line of a log."""
    return "::" in name or bool(re.fullmatch(r"\S+\.py|\S+/\S*", name))


def _node_id(element: Element, _: str, modules: dict[str, str]) -> str:
    """The node id of a case: `classname` is the file's path with dots, then the classes.

    The attribute `file` is where the function stands: for an inherited test that is another file.
    """
    if not element.classname:  # a file that could not be collected
        return modules.get(element.name, element.name)
    parts = element.classname.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if module in modules:
            return "::".join([modules[module], *parts[end:], element.name])
    end = next((at for at, part in enumerate(parts) if at and part[:1].isupper()), len(parts))
    return "::".join(["/".join(parts[:end]) + ".py", *parts[end:], element.name])


def _without_targets(command: str, targets: Iterable[str]) -> str:
    """The command without the tests it names itself, beside which others would only be added."""
    tops = {target.partition("/")[0] for target in targets} | {"."}
    step = last_step(command)
    before = command[: command.rindex(step)] if step else command
    kept: list[str] = []
    seen_runner = False
    previous = ""
    for word in step.split():
        bare = word.strip("'\"").rstrip("/")
        named = ".py" in bare or bare.partition("/")[0] in tops
        if not (seen_runner and named and not bare.startswith("-") and previous not in _TAKES_VALUE):
            kept.append(word)
        seen_runner = seen_runner or bare.endswith(("pytest", "py.test"))
        previous = word
    return before + " ".join(kept)


def _narrow(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    return with_arguments(_without_targets(command, names), info, *quoted(names))


PYTEST = Runner(
    name="pytest",
    command=rf"{START}(?:py\.test|pytest)(?:\s|$)",
    shell_words="test",
    request=request_by_environment,
    sign=sign_by_environment,
    read_report=junit_reader(_node_id),
    read_console=_read_console,
    section=r"^_{2,} (?:ERROR (?:at setup of|at teardown of|collecting) )?([^\n]{1,500}?) _{2,}$",
    section_end=r"={5,}",
    for_names=_narrow,
    for_files=_narrow,
    no_tests=r"\bno tests ran|not found: |file or directory not found",
    missing=(
        r"ModuleNotFoundError: No module named|No module named [\w.]+$|ImportError while (?:importing|loading)|"
        r"PackageNotFoundError|DistributionNotFound|error: unrecognized arguments: -|fixture '\w+' not found"
    ),
    is_python=True,
    overwrites_report=True,
)
