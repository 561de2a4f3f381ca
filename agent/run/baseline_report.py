"""The tests' state at the base commit, kept beside the journal: which passed and which failed, for a later process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from agent.files import PRIVATE, write_atomically
from agent.verify.reports.cases import Case, Status, TestReport

_NAME = "baseline.json"


def keep_report(directory: Path, report: TestReport) -> None:
    """Write a report into the session's directory, its cases by name and status. Raises `OSError`."""
    said = {
        "complete": report.complete,
        "signed": report.signed,
        "cases": [[case.id, case.status] for case in report.cases],
    }
    write_atomically(directory / _NAME, json.dumps(said), mode=PRIVATE)


def kept_report(directory: Path) -> TestReport | None:
    """The report that was written, without what its tests said; None where there is none that can be read."""
    try:
        said = json.loads((directory / _NAME).read_bytes())
        cases = tuple(Case(name, status) for name, status in said["cases"] if status in get_args(Status))
        signed = said.get("signed")
        return TestReport(cases, bool(said["complete"]), signed if isinstance(signed, bool) else None)
    except (OSError, ValueError, TypeError, KeyError):
        return None
