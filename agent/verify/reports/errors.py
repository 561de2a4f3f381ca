"""What the output of a run says went wrong: the error of a test, the last error of all."""

from __future__ import annotations

import re

from agent.code.tracebacks import error_lines, is_error
from agent.verify.reports.cases import MAX_MESSAGE

_PYTEST_ERROR = re.compile(r"^E {1,8}(\S[^\n]*(?:\nE {1,12}[^\n]*)*)", re.MULTILINE)


def message_in(text: str) -> str:
    """The error that the text of a failing test shows, at most `MAX_MESSAGE` characters.

    That is the lines that pytest marks with E, else the last line that is an error, else the first line.
    """
    marked = _PYTEST_ERROR.findall(text)
    if marked:
        return "\n".join(re.sub(r"^E {1,3}", "", line) for line in marked[-1].splitlines())[:MAX_MESSAGE]
    raised = error_lines(text)
    if raised:
        return ": ".join(filter(None, raised[-1]))[:MAX_MESSAGE]
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:MAX_MESSAGE]


def last_error(output: str) -> str:
    """The last error with a message in a run's output, else its last line; empty for no output."""
    errors = [f"{name}: {message}" for name, message in error_lines(output) if message and is_error(name)]
    lines = errors or output.strip().splitlines()
    return lines[-1].strip() if lines else ""
