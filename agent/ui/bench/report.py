"""`swe-agent bench report`: a run's table, its figures as JSON, or an HTML page."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.bench.directory import RunDirectory
from agent.errors import UsageError
from agent.ui.bench.tables import print_run


def run_report(path: Path, html: Path | None, *, json: bool) -> int:
    """Print a run's table, or its summary as JSON; write the page if one is asked for. Raises `UsageError`."""
    from rich.console import Console

    directory = RunDirectory.open(path)
    summary = directory.last_summary()
    if html is not None:
        from agent.ui.bench.html import report_page

        try:
            html.write_text(report_page(directory, summary), encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{html} can't be written: {error.strerror}") from error
    if json:
        sys.stdout.write(summary.model_dump_json() + "\n")
    else:
        print_run(Console(highlight=False), directory, summary)
    return 0
