"""`swe-agent doctor`: a line for each check with its remedy, or one JSON object; the settings with their origins."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from agent.config import load_settings
from agent.doctor import Check, Report, State, examine
from agent.doctor.configuration import descriptions, project_text, values
from agent.errors import UsageError
from agent.redaction import mask_addresses
from agent.text import printable
from agent.ui.errors import say
from agent.ui.terminal import Terminal
from agent.user_directories import user_file

if TYPE_CHECKING:
    from rich.console import Console

_STYLES: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_MIN_WIDTH = 20
_MAX_VALUE_WIDTH = 24
_MAX_LINES = 8
"""Lines shown of a check's value; the log of a server that crashed is longer."""


def run_doctor(options: Mapping[str, Any], *, quick: bool, as_json: bool) -> int:
    """Run the checks and print the report; the exit code of the first required check that fails, else 0."""
    from rich.console import Console

    project = project_text(Path.cwd())
    terminal = Terminal(Console(stderr=True, soft_wrap=True))

    async def run() -> Report:
        return await examine(options, project, quick=quick, on_progress=terminal.report)

    report = anyio.run(run)
    if as_json:
        _print_json(report.as_json())
    else:
        print_report(report, Console())
    return report.exit_code


def print_report(report: Report, console: Console) -> None:
    """Print a line for each check, and whether all that is needed works."""
    widest = max(len(check.name) for check in report.checks)
    for check in report.checks:
        _print_check(check, widest, console)
    if report.ok:
        console.print("\nAll that is needed works.", highlight=False)
    else:
        names = ", ".join(check.name for check in report.failed)
        console.print(f"\nNeeded, and not working: {names}", style="bold", highlight=False, markup=False)


def _print_check(check: Check, widest: int, console: Console) -> None:
    """Print state and name, the value wrapped beside them, and the remedy on one line, so that it can be copied."""
    from rich.text import Text

    width = max(console.width - widest - 8, _MIN_WIDTH)
    lines = Text(mask_addresses(check.value)).wrap(console, width)
    shown = [line.plain.rstrip() for line in lines]
    if len(shown) > _MAX_LINES:
        shown = [*shown[: _MAX_LINES - 1], "[…]"]
    first, *rest = shown or [""]
    head = Text.assemble((f"{check.state:<4}", _STYLES[check.state]), f"  {check.name:<{widest}}  ", first)
    console.print(head, soft_wrap=True)
    for line in rest:
        console.print(Text(" " * (widest + 8) + line), soft_wrap=True)
    if check.remedy:
        console.print(
            Text(f"      → {mask_addresses(check.remedy)}", style="bold" if check.state == "fail" else ""),
            soft_wrap=True,
        )


def print_config(options: Mapping[str, Any], *, as_json: bool) -> int:
    """Print each setting with its value and origin; 0. Raises `UsageError` for an invalid value."""
    try:
        settings, origins, warnings = load_settings(options, project_text(Path.cwd()))
    except UsageError as error:
        if as_json:
            _print_json({"ok": False, "exit_code": error.exit_code, "error": str(error)})
        raise
    for warning in warnings:
        say(warning)
    found = values(settings, origins)
    if as_json:
        _print_json(
            {
                "ok": True,
                "exit_code": 0,
                "user_file": str(user_file()),
                "warnings": warnings,
                "settings": found,
                "descriptions": descriptions(),
            }
        )
        return 0
    from rich.console import Console

    _print_settings(found, Console())
    return 0


def _print_settings(found: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """Print each setting's name, value and origin on a line, and its description as a comment below."""
    from rich.text import Text

    shown = {
        name: "" if entry["value"] is None else printable(mask_addresses(str(entry["value"])))
        for name, entry in found.items()
    }
    width = max(map(len, shown))
    value_width = min(max(map(len, shown.values())), _MAX_VALUE_WIDTH)
    texts = descriptions()
    for name, entry in found.items():
        style = "" if entry["origin"] == "default" else "bold"
        line = f"{name:<{width}}  {shown[name]:<{value_width}}  {printable(entry['origin'])}"
        console.print(Text(line, style), soft_wrap=True)
        for part in Text(texts[name]).wrap(console, max(console.width - 6, _MIN_WIDTH)):
            console.print(Text(f"    # {part.plain.rstrip()}", "dim"), soft_wrap=True)


def _print_json(data: dict[str, Any]) -> None:
    sys.stdout.write(mask_addresses(json.dumps(data, indent=2)) + "\n")
