"""`swe-agent bench compare`: several runs side by side."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.bench.compare import compare
from agent.bench.directory import RunDirectory
from agent.errors import UsageError
from agent.ui.bench.tables import comparison_tables


def run_compare(paths: Sequence[Path], *, json: bool) -> int:
    """Print runs side by side; 0. Raises `UsageError`."""
    from rich.console import Console

    if len(paths) < 2:
        raise UsageError("it takes two runs to compare", hint="swe-agent bench compare DIR DIR")
    comparison = compare([RunDirectory.open(path) for path in paths])
    if json:
        sys.stdout.write(json_module.dumps(comparison.as_json()) + "\n")
        return 0
    console = Console(highlight=False)
    for table in comparison_tables(comparison):
        console.print(table)
        console.print()
    return 0
