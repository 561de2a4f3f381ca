"""`swe-agent sessions fork`: a new session that shares the beginning of another."""

from __future__ import annotations

import sys

from agent.session.directories import find_session


def fork_session(name: str, step: int) -> None:
    """Fork a session after a step and print the new one's id. Raises `UsageError`, `JournalError`s."""
    from agent.session.fork import fork

    made = fork(find_session(name), step)
    sys.stdout.write(f"{made}\n")
    sys.stderr.write(f"swe-agent: `swe-agent resume {made}` goes on with it\n")
