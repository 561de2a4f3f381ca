"""go test."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from agent.verify.reports.cases import MAX_CASES, Case, Status, merged
from agent.verify.reports.console import ConsoleReport, unique
from agent.verify.reports.json_reports import case_of, load, number
from agent.verify.runners.base import START, OutputReport, ReportRequest, Runner, RunnerInfo
from agent.verify.runners.commands import can_choose_output, quoted, with_arguments

_STATUS: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_LINE = re.compile(r"^\s*--- (FAIL|PASS|SKIP): (\S+)", re.MULTILINE)
_NAME = re.compile(r"(?:(.*)\.)?((?:Test|Example|Fuzz)\w*)(?:/.*)?")


def _request(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    if not can_choose_output(command, info, r"\s-(json|c|bench|fuzz)\b"):
        return ReportRequest(command)
    return ReportRequest(re.sub(r"(\bgo\s+test)(?=\s|$)(?!.*\bgo\s+test\b)", r"\1 -json", command, count=1))


def _module(go_mod: str) -> str:
    """The module's path in a go.mod."""
    found = re.search(r"^module\s+(\S+)", go_mod, re.MULTILINE)
    return found[1] if found else ""


def read_go(output: str, root: str, go_mod: str = "") -> tuple[tuple[Case, ...], str]:
    """The cases of `go test -json`, and the output that it has without that option. `go_mod` is the text of go.mod.

    A package that fails without a failing test (it does not build, it panicked) is a case of its own.
    """
    module = _module(go_mod)
    cases: list[Case] = []
    texts: dict[tuple[str, str], list[str]] = {}
    plain: list[str] = []
    failed_in: set[str] = set()
    for line in output.splitlines():
        event = load(line) if line.startswith("{") else None
        if not isinstance(event, dict) or "Action" not in event:
            plain.append(line + "\n")
            continue
        package, test, action = (str(event.get(name, "")) for name in ("Package", "Test", "Action"))
        package = package or str(event.get("ImportPath", "")).partition(" ")[0]
        if action in {"output", "build-output"}:
            printed = str(event.get("Output", ""))
            if printed.startswith(("=== RUN", "=== PAUSE", "=== CONT", "=== NAME")):
                continue
            texts.setdefault((package, test), []).append(printed)
            if not printed.lstrip().startswith("--- PASS"):
                plain.append(printed)
        elif action in _STATUS and (test or action == "fail"):
            if not test and package in failed_in:
                continue
            failed_in |= {package} if action == "fail" else set()
            text = "".join(texts.get((package, test), [])) if action != "pass" else ""
            under = package.removeprefix(module).strip("/") if module and package.startswith(module) else ""
            name = f"{package}.{test}" if test else package
            status: Status = _STATUS[action] if test else "error"
            cases.append(case_of(name, status, text, root, under=under, seconds=number(event.get("Elapsed"))))
    return merged(cases[:MAX_CASES]), "".join(plain)


def _read_console(output: str) -> ConsoleReport:
    """Never None, as there is no summary: the last to read."""
    statuses: dict[str, Status] = {"FAIL": "failed", "PASS": "passed"}
    cases = [Case(name, statuses.get(word, "skipped")) for word, name in _LINE.findall(output)]
    failures = unique([case.id for case in cases if case.failed])
    return ConsoleReport(None, len(failures) or None, failures, merged(cases))


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    found = [_NAME.fullmatch(name) for name in names]
    tests = dict.fromkeys(re.escape(each[2]) for each in found if each)
    packages = dict.fromkeys(each[1] for each in found if each and each[1])
    if not all(found):  # a package that does not build
        return ""
    narrowed = _for_packages(command, packages) if packages else command
    return with_arguments(narrowed, info, "-run", shlex.quote(f"^({'|'.join(tests)})$"))


def _for_packages(command: str, packages: Iterable[str]) -> str:
    chosen = " ".join(quoted(packages))
    return re.sub(r"(?<=\s)\./\.\.\.(?=\s|$)", lambda _: chosen, command)


def _for_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    narrowed = _for_packages(command, dict.fromkeys(f"./{PurePosixPath(path).parent}" for path in files))
    return narrowed if narrowed != command else ""


GO = Runner(
    name="go",
    command=rf"{START}go\s+test(?:\s|$)",
    shell_words="test",
    request=_request,
    sign=None,
    read_report=None,
    read_console=_read_console,
    section=r"^\s*--- FAIL: (\S{1,500})[^\n]*$",
    section_end=r"FAIL$|FAIL\t|ok  \t",
    for_names=_for_names,
    for_files=_for_files,
    no_tests=r"no test files|\bno tests to run",
    missing="no required module provides",
    output_report=OutputReport("go.mod", read_go),
)
