"""unittest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from agent.verify.reports.cases import MAX_CASES, Case, Status, merged
from agent.verify.reports.console import ConsoleReport, report_of
from agent.verify.reports.json_reports import load
from agent.verify.runners.base import ReportRequest, Runner, RunnerInfo
from agent.verify.runners.commands import can_choose_output, last_step, with_arguments

_RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
_COUNTS = re.compile(r"^FAILED \((.*)\)", re.MULTILINE)
_FAILED = re.compile(r"^(FAIL|ERROR): ([^\n]+)", re.MULTILINE)
_NAME = re.compile(r"^([\w.]+) \(([\w.]+)\)")
_LINE = re.compile(r" \.\.\. (ok|FAIL|ERROR|skipped\b.*|expected failure|unexpected success)$")


def _request(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    """The output is the report: with -v it names every test."""
    if not can_choose_output(command, info, r"\s(-q|--quiet|-v|--verbose)(\s|$)"):
        return ReportRequest(command)
    return ReportRequest(with_arguments(command, info, "-v"))


def _sign(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    """By a program that runs unittest and writes each test's status."""
    step = last_step(command)
    program = f"{folder}/swe_agent_unittest.py"
    named = re.sub(
        r"(\bpython[\d.]*\b.*?)\s-m\s+unittest(?=\s|$)", lambda found: f"{found[1]} {program}", step, count=1
    )
    if named == step or not info.takes_arguments:
        return ReportRequest(command)
    before = command[: command.rindex(step)]
    return ReportRequest(before + named, f"{folder}/report.json", program="swe_agent_unittest.py")


def _read_report(data: bytes, root: str) -> tuple[Case, ...] | None:
    """The cases of the report that `swe_agent_unittest.py` writes: a list of pairs of a name and a status."""
    found = load(data)
    pairs = [pair for pair in found if isinstance(pair, list) and len(pair) == 2] if isinstance(found, list) else []
    cases = [
        Case(unittest_id(str(name)).removeprefix("unittest.loader._FailedTest."), status)
        for name, status in pairs[:MAX_CASES]
        if status in get_args(Status)
    ]
    return merged(cases) if cases or found == [] else None


def unittest_id(written: str) -> str:
    """`test_a (m.T.test_a)`, or before Python 3.11 `test_a (m.T)`, as the command line takes it back."""
    match = _NAME.match(written)
    if match is None:
        return written
    name, where = match[1], match[2].removeprefix("unittest.loader._FailedTest").lstrip(".")
    if name in {"setUpClass", "tearDownClass", "setUpModule", "tearDownModule"} or where.endswith(f".{name}"):
        return where
    return f"{where}.{name}" if where and where != name else name


def _read_console(output: str) -> ConsoleReport | None:
    ran = _RAN.findall(output)
    if not ran:
        return None
    counted = _COUNTS.findall(output)
    counts = dict(re.findall(r"(?:^|, )([\w ]+)=(\d+)", counted[-1])) if counted else {}
    failed = sum(int(counts.get(kind, 0)) for kind in ("failures", "errors"))
    cases: list[Case] = []
    name = ""
    for line in output.splitlines():
        begun = _NAME.match(line)
        name = begun[0] if begun else name
        ended = _LINE.search(line)
        if ended and name:
            status: Status = "passed" if ended[1] == "ok" else "failed" if ended[1] in {"FAIL", "ERROR"} else "skipped"
            cases.append(Case(unittest_id(name), status))
            name = ""
    complete = len(ran) == 1 and len({case.id for case in cases}) >= int(ran[-1]) > 0
    for word, written in _FAILED.findall(output):
        cases.append(Case(unittest_id(written), "failed" if word == "FAIL" else "error"))
    # a test with several parts that fail is one of the tests, and several of the failures
    return replace(report_of(int(ran[-1]), failed, cases, len(ran)), complete=complete)


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    if not all(re.fullmatch(r"[\w.]+", name) for name in names):
        return ""
    match = re.search(r"\s-m\s+unittest\b(.*)$", command)
    if match is None:
        return ""
    start = re.search(r"(?:-s|--start-directory)[ =](\S+)", match[1])
    top = re.search(r"(?:-t|--top-level-directory)[ =](\S+)", match[1])
    base = (top or start or ["", "."])[1].rstrip("/")
    # discovered names are relative to the top folder, which then is on the path
    path = "" if base in {".", ""} else f"PYTHONPATH={base}:$PYTHONPATH "
    head = command[: match.end() - len(match[1])]
    step = last_step(head)
    return f"{head[: len(head) - len(step)]}{path}{step} {' '.join(names)}"


def _for_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    modules = [path.removesuffix(".py").replace("/", ".") for path in files]
    return _for_names(command, info, modules) if " discover" not in command else ""


UNITTEST = Runner(
    name="unittest",
    command=r"\s-m\s+unittest(?:\s|$)",
    shell_words="test",
    request=_request,
    sign=_sign,
    read_report=_read_report,
    read_console=_read_console,
    section=r"^(?:FAIL|ERROR): ([^\n]{1,500})\n(?:[^\n]{0,500}\n){0,3}?-{70}$",
    section_end=r"-{70}\nRan \d",
    for_names=_for_names,
    for_files=_for_files,
    no_tests=r"\bno tests ran",
    missing="ModuleNotFoundError: No module named",
    is_python=True,
    verbose_lines=re.compile(r"^[\w.]+ \([\w.]+\)[^\n]* \.\.\. ok\n", re.MULTILINE),
    section_id=unittest_id,
)
