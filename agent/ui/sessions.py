"""Sessions of this machine, listed and shown from their journals."""

from __future__ import annotations

from agent.config import home
from agent.errors import JournalError, UsageError
from agent.session.events import Result, SessionStarted
from agent.session.journal import load
from agent.session.store import session_directory
from agent.ui.json_lines import JsonLines
from agent.ui.terminal import Terminal


def print_list() -> None:
    """Print a line a session on standard output, the latest first."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("session", "status", "steps", "issue", box=None, pad_edge=False)
    root = home() / "sessions"
    places = sorted(root.iterdir(), reverse=True) if root.is_dir() else []
    for place in places:
        try:
            events, _ = load(place / "journal.jsonl")
        except JournalError as error:
            table.add_row(place.name, "damaged", "", escape(error.message))
            continue
        started = next((event for event in events if isinstance(event, SessionStarted)), None)
        result = next((event for event in reversed(events) if isinstance(event, Result)), None)
        title = (started.issue_title or started.issue_body.split("\n", 1)[0]) if started else ""
        steps = str(result.steps) if result else ""
        table.add_row(place.name, result.status if result else "not finished", steps, escape(title[:80]))
    Console().print(table)


def print_session(session_id: str, *, json_lines: bool) -> None:
    """Print a session's events. Raises `UsageError` for one that isn't there, `JournalDamaged`."""
    from rich.console import Console

    place = session_directory(session_id) / "journal.jsonl"
    if not place.is_file():
        raise UsageError(f"there is no session {session_id}", hint="`swe-agent sessions list` shows them")
    show = JsonLines() if json_lines else Terminal(Console(soft_wrap=True), stream=False)
    for event in load(place)[0]:
        show(event)
