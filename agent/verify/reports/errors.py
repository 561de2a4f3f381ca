"""What the output of a run says went wrong: the error of a test, the last error of all, a missing environment."""

from __future__ import annotations

import re

from agent.code.tracebacks import error_lines, is_error
from agent.verify.reports.cases import MAX_MESSAGE

_PYTEST_ERROR = re.compile(r"^E {1,8}(\S[^\n]*(?:\nE {1,12}[^\n]*)*)", re.MULTILINE)
_COMMAND_NOT_FOUND = 127  # the shell's exit code
_MISSING = re.compile(
    r"ModuleNotFoundError: No module named|No module named [\w.]+$|ImportError while (?:importing|loading)|"
    r"PackageNotFoundError|DistributionNotFound|error: unrecognized arguments: -|fixture '\w+' not found|"
    r"command not found|Cannot find module|ERR_MODULE_NOT_FOUND|sh: \d+: \w+: not found|"
    r"no required module provides|failed to (?:download|get)|Could not resolve (?:host|dependencies|all )|"
    r"Could not (?:transfer|find) artifact|Could not find gem|vendor/autoload\.php|Plugin \S+ .{0,80}not be resolved",
    re.MULTILINE,
)


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


def lacks_environment(output: str, exit_code: int) -> bool:
    """Whether a test run failed because something that it needs is not installed."""
    return exit_code == _COMMAND_NOT_FOUND or bool(_MISSING.search(output))
