"""What a test runner consists of, for the code that runs tests and reads their results.

A new runner is a module here with a `Runner`, listed in `registry.py`. What goes by the files of a repository is
elsewhere: `agent/environment/detect_tests.py` finds the test command, `agent/environment/detect_setup.py` the command
that installs what it needs, and `agent/code/paths.py` recognises test files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.verify.reports.cases import Case
from agent.verify.reports.console import ConsoleReport

START = r"(?:^|[\s/])"
"""What stands before a program's name in a command."""
NUMBERED_SECTION = r"^ {0,2}\d{1,5}\) ([^\n]{1,500}(?:\n {7,}[^\n]{1,200}:$)?)"
"""The header `  1) Calc`, after which the rest of a title may stand, deeper, up to a colon."""


@dataclass(frozen=True)
class ReportRequest:
    """A command that writes a report: to `file`, or to new files whose paths match `pattern` (as `find -path` does).

    Both are empty where the runner's output is the report, or there is none. `program` is the name of a program of
    `agent.verify.signing` that the command needs in the report's folder, and that signs the report.
    """

    command: str
    file: str = ""
    pattern: str = ""
    program: str = ""


@dataclass(frozen=True)
class RunnerInfo:
    """A test command's runner, and whether arguments can be added at the command's end."""

    runner: Runner
    takes_arguments: bool
    separator: str = ""  # what must stand between the command and arguments: `--` for npm


Request = Callable[[str, RunnerInfo, str], ReportRequest]
"""The command, its runner and a folder outside the repository → the command that leaves a report there.

Which tests run and how they end stays; what the runner prints or writes besides may change.
"""
ReadReport = Callable[[bytes, str], tuple[Case, ...] | None]
"""The report and the repository's root → its cases; None for what the runner does not write."""
ReadConsole = Callable[[str], ConsoleReport | None]
"""The console output → what it says; None where another runner wrote it."""
Narrow = Callable[[str, RunnerInfo, Sequence[str]], str]
"""The command, its runner and some tests or files → the command for these alone; empty where it can't be."""


@dataclass(frozen=True)
class OutputReport:
    """A report that is the output itself: from it, the repository's root and the manifest's text, cases and plain text.

    The plain text is the output that the command has when no report is requested.
    """

    manifest: str  # the path of the file whose text names depend on
    read: Callable[[str, str, str], tuple[tuple[Case, ...], str]]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Everything about one test runner. A part that it does not have is None.

    Regular expressions are strings where those of all runners are joined: a script may run any runner, so output is
    searched for all of them.
    """

    name: str
    command: str | None
    """Matches in a step of a command that runs it."""
    shell_words: str | None
    """Matches in a shell command that may run it, with upper and lower case alike; much else may match too."""
    request: Request | None
    sign: Request | None
    """As `request`, for a report that is signed; used first where there is one."""
    read_report: ReadReport | None
    """For the files that `request` asks for."""
    read_console: ReadConsole | None
    section: str | None
    """The header of a failing test's section in the console output; its one group is the test."""
    section_end: str | None
    """Matches at the start of a line that ends the last section."""
    for_names: Narrow | None
    """Names are as reports and console have them."""
    for_files: Narrow | None
    no_tests: str | None
    """What it prints when it ran no test, with upper and lower case alike."""
    missing: str | None
    """What it, or its language, prints when something that the tests need is not installed."""

    # what few runners have
    is_python: bool = False
    takes_arguments: bool = True
    overwrites_report: bool = False
    """Several runs in one command write one file, which holds the last: it counts if the console output agrees."""
    may_not_sign: bool = False
    """Whether the command may run something that `sign` doesn't reach: then no report is no sign of tampering."""
    output_report: OutputReport | None = None
    verbose_lines: re.Pattern[str] | None = None
    """What only a command with a report request prints."""
    section_id: Callable[[str], str] | None = None
    """A test's id from its section's header, where that has another form."""
