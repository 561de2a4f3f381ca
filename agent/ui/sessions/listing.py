"""`swe-agent sessions list`: the sessions of this machine as a table or JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agent.session.directories import session_directories
from agent.session.overview import SessionOverview, read_overview
from agent.text import printable
from agent.ui.pipes import exit_on_closed_pipe

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {
    "fixed": "green",
    "running": "cyan",
    "unverified": "yellow",
    "interrupted": "yellow",
    "budget": "yellow",
    "damaged": "red",
    "unreadable": "red",
    "error": "red",
}
_HEADINGS = ("session", "began", "status", "steps", "disk", "repository", "issue")
_RIGHT_ALIGNED = {3, 4}
_MAX_TITLE = 80


def print_list(*, limit: int | None, as_json: bool) -> None:
    """Print the sessions, the latest first, and the disk space they take: a line for each, or one JSON object."""
    from rich.console import Console

    from agent.session.removal import measure_volumes

    exit_on_closed_pipe()
    sessions = [read_overview(directory) for directory in session_directories()[:limit]]
    measure_volumes(sessions)
    total = sum(each.disk_bytes + each.volume_bytes for each in sessions)
    if as_json:
        found = {"sessions": [each.as_json() for each in sessions], "disk_bytes": total}
        sys.stdout.write(json.dumps(found) + "\n")
        return
    print_table(sessions, Console(soft_wrap=True))
    noun = "session" if len(sessions) == 1 else "sessions"
    sys.stdout.write(f"{len(sessions)} {noun}, {format_size(total)} on disk\n")


def print_table(sessions: list[SessionOverview], console: Console) -> None:
    """Print a line for each session, on a terminal cut to its width."""
    rows = [_HEADINGS, *(_row(session) for session in sessions)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for number, row in enumerate(rows):
        cells = [f"{cell:>{width}}" if column in _RIGHT_ALIGNED else f"{cell:<{width}}"
                 for column, (cell, width) in enumerate(zip(row[:6], widths, strict=True))]  # fmt: skip
        line = "  ".join([*cells, row[6]]).rstrip()
        if console.is_terminal and len(line) > console.width:
            line = line[: console.width - 1] + "…"
        style = _STYLES.get(sessions[number - 1].status) if number else "bold"
        console.out(line, style=style, highlight=False)


def _row(session: SessionOverview) -> tuple[str, str, str, str, str, str, str]:
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(session.began)) if session.began else ""
    title = session.damage or session.issue_title
    return (
        session.id,
        began,
        session.status,
        str(session.steps),
        format_size(session.disk_bytes + session.volume_bytes),
        " ".join(printable(Path(session.repository).name).split()),
        " ".join(printable(title).split())[: None if session.damage else _MAX_TITLE],
    )


def format_size(count: int) -> str:
    """A number of bytes as `0 kB`, `12 kB`, `3.4 MB` or `1.2 GB`."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1_000_000 else f"{-(-count // 1000)} kB"
