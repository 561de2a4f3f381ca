"""An error that ends a command, on standard error: its hint, then its message as the last line."""

from __future__ import annotations

import sys

from agent.errors import SweAgentError
from agent.text import printable


def print_error(error: SweAgentError) -> None:
    """Print it; parts of a message may come from a server or a repository."""
    for line in filter(None, (error.hint, error.message)):
        sys.stderr.write(f"swe-agent: {printable(line)}\n")
