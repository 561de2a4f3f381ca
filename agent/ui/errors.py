"""Lines on standard error: of an error that ends a command, and whatever else is said there."""

from __future__ import annotations

import sys

from agent.errors import SweAgentError
from agent.redaction import mask_addresses
from agent.text import printable


def say(line: str) -> None:
    """Print a line, without secrets; parts of it may come from a server or a repository."""
    sys.stderr.write(f"swe-agent: {printable(mask_addresses(line))}\n")


def print_error(error: SweAgentError) -> None:
    """Print its hint, and its message as the last line."""
    for line in filter(None, (error.hint, error.message)):
        say(line)
