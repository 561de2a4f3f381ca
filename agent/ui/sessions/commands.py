"""Sessions of this machine, from their journals: listed, shown, their change, exported."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.files import open_atomically
from agent.session.directories import JOURNAL, find_session, session_directories
from agent.session.latest_patch import find_latest_patch
from agent.session.overview import SessionOverview, read_overview
from agent.session.records import Record, read_records
from agent.text import printable
from agent.ui.json_lines import JsonLines
from agent.ui.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import Console

    from agent.session.export import Format

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
_TITLE = 80


def print_list(*, limit: int | None, as_json: bool) -> None:
    """Print the sessions on standard output, the latest first: a line each and the disk they take, or one object."""
    from rich.console import Console

    from agent.session.removal import measure_volumes

    end_with_the_pipe()
    summaries = [read_overview(place) for place in session_directories()[:limit]]
    measure_volumes(summaries)
    total = sum(each.disk_bytes + each.volume_bytes for each in summaries)
    if as_json:
        found = {"sessions": [each.as_json() for each in summaries], "disk_bytes": total}
        sys.stdout.write(json.dumps(found) + "\n")
        return
    print_table(summaries, Console(soft_wrap=True))
    shown = "session" if len(summaries) == 1 else "sessions"
    sys.stdout.write(f"{len(summaries)} {shown}, {size(total)} on disk\n")


def print_table(summaries: list[SessionOverview], console: Console) -> None:
    """A line a session; on a terminal no longer than it is wide."""
    rows = [("session", "began", "status", "steps", "disk", "repository", "issue")]
    rows += [_row(summary) for summary in summaries]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for number, row in enumerate(rows):
        sides = [f"{cell:>{width}}" if column in {3, 4} else f"{cell:<{width}}"
                 for column, (cell, width) in enumerate(zip(row[:6], widths, strict=True))]  # fmt: skip
        line = "  ".join([*sides, row[6]]).rstrip()
        if console.is_terminal and len(line) > console.width:
            line = line[: console.width - 1] + "…"
        style = _STYLES.get(summaries[number - 1].status) if number else "bold"
        console.out(line, style=style, highlight=False)


def _row(summary: SessionOverview) -> tuple[str, str, str, str, str, str, str]:
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.began)) if summary.began else ""
    told = summary.damage or summary.issue_title
    return (
        summary.id,
        began,
        summary.status,
        str(summary.steps),
        size(summary.disk_bytes + summary.volume_bytes),
        " ".join(printable(Path(summary.repository).name).split()),
        " ".join(printable(told).split())[: None if summary.damage else _TITLE],
    )


def size(count: int) -> str:
    """Bytes for people: `0 kB`, `12 kB`, `3.4 MB`, `1.2 GB`."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1_000_000 else f"{-(-count // 1000)} kB"


def print_session(word: str, *, json_lines: bool) -> None:
    """Print a session's events, at the times they had. Raises `UsageError` for one not there, `JournalError`s."""
    from rich.console import Console

    end_with_the_pipe()
    records = read_records(find_session(word) / JOURNAL)
    if json_lines:
        show = JsonLines()
        for record in records:
            show(record.event)
    else:
        _replay(records, Console(soft_wrap=True))


def _replay(records: Iterable[Record], console: Console) -> None:
    now = 0.0

    def clock() -> float:
        return now

    terminal: Terminal | None = None
    for record in records:
        now = record.time
        terminal = terminal or Terminal(console, stream=False, clock=clock)
        terminal(record.event)


def print_diff(word: str) -> None:
    """Print a session's change on standard output, coloured on a terminal, else its very bytes; what it is, besides.

    Raises `UsageError` for a session that isn't there, `JournalError`s.
    """
    from rich.console import Console

    end_with_the_pipe()
    change = find_latest_patch(find_session(word))
    if sys.stdout.isatty():
        console = Console(soft_wrap=True)
        for line in change.patch.decode("utf-8", "replace").splitlines():
            console.out(printable(line), style=_diff_style(line), highlight=False)
    else:
        sys.stdout.buffer.write(change.patch)
        sys.stdout.buffer.flush()
    sys.stderr.write(f"swe-agent: {change.origin}\n")


def _diff_style(line: str) -> str | None:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "new file", "deleted file")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])


def export(word: str, form: Format, output: Path | None) -> None:
    """Write a session in another format to a file, whole or not at all, or to standard output.

    Raises `UsageError` for a session that isn't there or a file that can't be written, `JournalError`s.
    """
    from agent.session.export import export_session

    pieces = export_session(find_session(word), form)
    if output is None or str(output) == "-":
        end_with_the_pipe()
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with open_atomically(output) as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}") from error


def fork_session(word: str, step: int) -> None:
    """Begin a session as another one did, up to a step; print its id. Raises `UsageError`, `JournalError`s."""
    from agent.session.fork import fork

    made = fork(find_session(word), step)
    sys.stdout.write(f"{made}\n")
    sys.stderr.write(f"swe-agent: `swe-agent resume {made}` goes on with it\n")


def end_with_the_pipe() -> None:
    """When who reads standard output has enough, end as other programs do: at once, without a word."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
