"""Jest."""

from __future__ import annotations

from agent.verify.reports.cases import MAX_CASES, Case, Status, merged
from agent.verify.reports.console import count_words, counted
from agent.verify.reports.json_reports import case_of, dicts, load, number
from agent.verify.runners.base import START, Runner
from agent.verify.runners.commands import append, narrow_by_title, request_by_options

_STATUS: dict[str, Status] = {"passed": "passed", "failed": "failed"}


def read_jest(data: bytes, root: str) -> tuple[Case, ...] | None:
    """The cases of jest's `--json`; a file that can't be loaded is one case. None for anything else."""
    loaded = load(data)
    if not isinstance(loaded, dict) or "testResults" not in loaded:
        return None
    cases: list[Case] = []
    for suite in dicts(loaded["testResults"]):
        file = str(suite.get("name", "")).removeprefix(root.rstrip("/") + "/")
        results = dicts(suite.get("assertionResults"))
        for result in results:
            text = "\n".join(str(each) for each in result.get("failureMessages") or [])
            milliseconds = number(result.get("duration"))
            cases.append(
                case_of(
                    f"{file}::{result.get('fullName', '')}",
                    _STATUS.get(str(result.get("status")), "skipped"),
                    text,
                    root,
                    seconds=None if milliseconds is None else milliseconds / 1000,
                )
            )
        if not results and suite.get("status") == "failed":
            cases.append(case_of(file, "error", str(suite.get("message", "")), root))
        if len(cases) > MAX_CASES:
            return None
    return merged(cases)


JEST = Runner(
    name="jest",
    command=rf"{START}jest(?:\.js)?(?:\s|$)",
    shell_words="jest",
    request=request_by_options("report.json", "--json", "--outputFile=FILE", chosen=r"--json\b"),
    sign=None,
    read_report=read_jest,
    read_console=counted(r"^Tests:\s+([^\n]*\b(\d+) total)", count_words, r"^  ● (?!Console)([^\n]{1,500})$"),
    section=r"^  ● ([^\n]{1,500})$",
    section_end=r"Test Suites:",
    for_names=narrow_by_title("-t"),
    for_files=append,
    no_tests=r"\bno tests found",
    missing=r"Cannot find module|ERR_MODULE_NOT_FOUND",
)
