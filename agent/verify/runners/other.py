"""A command whose runner is not known, as `make test`. It may run pytest, and is asked for pytest's report."""

from __future__ import annotations

from dataclasses import replace

from agent.verify.runners.pytest import PYTEST

OTHER = replace(
    PYTEST,
    name="other",
    command=None,
    shell_words="test|spec|check|rake",
    read_console=None,
    section=None,
    section_end=None,
    for_names=None,
    for_files=None,
    no_tests="no tests matching",
    missing=r"command not found|sh: \d+: \w+: not found|Could not resolve host",
    is_python=False,
    takes_arguments=False,
    may_not_sign=True,
)
