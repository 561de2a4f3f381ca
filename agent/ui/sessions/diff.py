"""`swe-agent sessions diff`: the patch of a session."""

from __future__ import annotations

import sys

from agent.session.directories import find_session
from agent.session.latest_patch import find_latest_patch
from agent.ui.patches import print_patch
from agent.ui.pipes import exit_on_closed_pipe


def print_diff(name: str) -> None:
    """Print a session's patch, as `print_patch` does; its origin goes to standard error.

    Raises `UsageError` for an unknown session, `JournalError`s.
    """
    exit_on_closed_pipe()
    latest = find_latest_patch(find_session(name))
    if latest.patch:
        print_patch(latest.patch)
    sys.stderr.write(f"swe-agent: {latest.origin}\n")
