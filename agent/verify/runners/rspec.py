"""RSpec."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from agent.verify.reports.cases import MAX_CASES, Case, Status, merged
from agent.verify.reports.console import counted
from agent.verify.reports.json_reports import case_of, dicts, load, number
from agent.verify.runners.base import NUMBERED_SECTION, START, ReportRequest, Runner, RunnerInfo
from agent.verify.runners.commands import append, quoted, with_arguments


def _request(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    options = f"${{SPEC_OPTS---format progress}} --format json --out {folder}/report.json"
    return ReportRequest(f'export SPEC_OPTS="{options}"; {command}', f"{folder}/report.json")


def read_rspec(data: bytes, root: str) -> tuple[Case, ...] | None:
    """The cases of RSpec's JSON formatter, each named by its file and description. None for anything else."""
    loaded = load(data)
    if not isinstance(loaded, dict) or "examples" not in loaded:
        return None
    cases: list[Case] = []
    for example in dicts(loaded["examples"])[: MAX_CASES + 1]:
        status: Status = {"passed": "passed", "failed": "failed"}.get(str(example.get("status")), "skipped")  # type: ignore[assignment]
        raised = example.get("exception")
        text = ""
        if isinstance(raised, dict):
            trace = raised.get("backtrace") or []
            lines = [str(each) for each in trace] if isinstance(trace, list) else []
            # RSpec lists the innermost frame first; here it is the last, as everywhere
            text = "\n".join([f"{raised.get('class', '')}: {str(raised.get('message', '')).strip()}", *reversed(lines)])
        file = str(example.get("file_path", "")).removeprefix("./")
        name = f"{file}::{example.get('full_description', '')}"
        cases.append(case_of(name, status, text, root, seconds=number(example.get("run_time"))))
    outside = number((loaded.get("summary") or {}).get("errors_outside_of_examples_count"))
    if outside:
        cases.append(Case("errors outside of examples", "error"))
    return merged(cases) if len(cases) <= MAX_CASES else None


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    if not all("::" in name for name in names):
        return ""
    files = dict.fromkeys(name.partition("::")[0] for name in names)
    examples = [part for name in names for part in ("-e", shlex.quote(name.partition("::")[2]))]
    return with_arguments(command, info, *quoted(files), *examples)


RSPEC = Runner(
    name="rspec",
    command=rf"{START}rspec(?:\s|$)",
    shell_words="spec",
    request=_request,
    sign=None,
    read_report=read_rspec,
    read_console=counted(
        r"^(\d+) examples?, (\d+) failures?",
        lambda match: (int(match[1]), int(match[2])),
        r"^rspec \./\S+ # ([^\n]{1,500})$",
    ),
    section=NUMBERED_SECTION,
    section_end=r"Finished in ",
    for_names=_for_names,
    for_files=append,
    no_tests=r"no examples? found|\b0 examples, ",
    missing="Could not find gem",
)
