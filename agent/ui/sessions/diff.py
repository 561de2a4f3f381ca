"""`swe-agent sessions diff`: the patch of a session."""

from __future__ import annotations

import sys

from agent.session.directories import find_session
from agent.session.latest_patch import find_latest_patch
from agent.text import printable
from agent.ui.pipes import exit_on_closed_pipe


def print_diff(name: str) -> None:
    """Print a session's patch, coloured on a terminal, else byte for byte; its origin goes to standard error.

    Raises `UsageError` for an unknown session, `JournalError`s.
    """
    from rich.console import Console

    exit_on_closed_pipe()
    latest = find_latest_patch(find_session(name))
    if sys.stdout.isatty():
        console = Console(soft_wrap=True)
        for line in latest.patch.decode("utf-8", "replace").splitlines():
            console.out(printable(line), style=_style(line), highlight=False)
    else:
        sys.stdout.buffer.write(latest.patch)
        sys.stdout.buffer.flush()
    sys.stderr.write(f"swe-agent: {latest.origin}\n")


def _style(line: str) -> str | None:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "new file", "deleted file")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
