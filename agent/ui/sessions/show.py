"""`swe-agent sessions show`: the events of a session, as a person or a program saw them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.session.directories import JOURNAL, find_session
from agent.session.records import Record, read_records
from agent.ui.json_lines import JsonLines
from agent.ui.pipes import exit_on_closed_pipe
from agent.ui.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import Console


def print_session(name: str, *, json_lines: bool) -> None:
    """Print a session's events with the times they had. Raises `UsageError` for an unknown one, `JournalError`s."""
    from rich.console import Console

    exit_on_closed_pipe()
    records = read_records(find_session(name) / JOURNAL)
    if json_lines:
        write = JsonLines()
        for record in records:
            write(record.event)
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
