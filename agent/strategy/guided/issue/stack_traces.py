"""The places in the code that an issue names: in tracebacks, by the functions they went through, or as file and line.

A reporter's line numbers are another version's, and the paths another machine's; files and functions mostly are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_BEGINS = re.compile(r'Traceback \(most recent call last\)|^[ \t>]*File "[^"\n]+", line \d+')
_ENDS = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)\b|[A-Za-z_][\w.]*: ")
_MOST_LINES = 400
_FRAME = re.compile(
    r"^[ \t>|]*(?:"
    r'File "(?P<python>[^"\n]+)", line (?P<python_line>\d+)(?:, in (?P<python_function>[\w.]+))?'
    r"|File (?P<ipython>[^\s:\"]+):(?P<ipython_line>\d+), in (?P<ipython_function>[\w.]+)\("
    r"|(?P<older>[^\s:()]+\.py) in (?P<older_function>\w+)\("
    r"|(?P<pytest>[^\s:()]+\.py):(?P<pytest_line>\d+): in (?P<pytest_function>\w+)"
    r")",
    re.MULTILINE,
)
_TOLD = re.compile(
    r"(?<![\w./~\\-])(?:"
    r"(?P<path>[\w./~\\-]*\w\.\w{1,4})[`'\"]?(?:#L|:|[\s,(]{1,3}(?:(?:at|on|in|around|near) )?lines? )"
    r"(?P<line>\d{1,6})\b"
    r"|lines? (?P<first>\d{1,6})(?:-\d+)? (?:of|in) (?:the file )?[`'\"]?(?P<of>[\w./~\\-]*\w\.\w{1,4})\b"
    r")",
    re.IGNORECASE,
)
"""`util.py:12`, `util.py#L12`, `util.py at line 12`, `line 12 of util.py`."""
_RAISED_FROM = re.compile(
    r"^[ \t>]*The above exception was the direct cause of the following exception:[ \t]*$", re.MULTILINE
)
_KINDS = ("python", "ipython", "older", "pytest")
_ROOTS = ("src", "lib", "python")
_INSTALLED = {"site-packages", "dist-packages", *_ROOTS}


@dataclass(frozen=True)
class Frame:
    """A function that a traceback went through, by the repository's path; `line` is 0 where none is told.

    `function` is empty where a reporter names a line in passing.
    """

    path: str
    function: str
    line: int


def told_frames(issue: str, paths: Iterable[str]) -> list[Frame]:
    """The frames of an issue's tracebacks that are in files of the repository (`paths`), the cause of all last.

    Behind them what the prose names by file and line, since that is what the reporter has come to.
    """
    named: dict[str, list[str]] = {}
    for path in paths:
        named.setdefault(PurePosixPath(path).name, []).append(path)
    found: list[Frame] = []
    for match in _FRAME.finditer(cause_last(issue)):
        kind = next(each for each in _KINDS if match[each])
        path = _file(match[kind], named)
        line = match.groupdict().get(f"{kind}_line")
        if path and match[f"{kind}_function"]:
            found.append(Frame(path, match[f"{kind}_function"], int(line or 0)))
    for match in _TOLD.finditer(_FRAME.sub("", without_tracebacks(issue))):
        if path := _file(match["path"] or match["of"], named):
            found.append(Frame(path, "", int(match["line"] or match["first"])))
    return list(dict.fromkeys(found))


def cause_last(text: str) -> str:
    """A text with the traceback of an error that another was raised from behind that one's."""
    return "\n".join(reversed(_RAISED_FROM.split(text)))


def _file(told: str, named: dict[str, list[str]]) -> str:
    """The repository's file that a path on another machine is; empty where that can't be told."""
    parts = [part for part in told.replace("\\", "/").split("/") if part not in {"", ".", "..", "...", "~"}]
    same = named.get(parts[-1], []) if parts else []
    for path in same:
        own = path.split("/")
        own = own[1:] if own[0] in _ROOTS else own
        if len(own) > 1 and (parts[-len(own) :] == own or (len(parts) > 1 and own[-len(parts) :] == parts)):
            return path
        if len(own) == 1 and len(parts) > 1 and parts[-2] in _INSTALLED:
            return path
    return same[0] if len(same) == len(parts) == 1 else ""


def without_tracebacks(issue: str) -> str:
    """The issue with blanks for the letters of its tracebacks, so that everything else stays in its place."""
    lines = issue.split("\n")
    for number in _traceback_lines(lines):
        lines[number] = re.sub(r"\S", " ", lines[number])
    return "\n".join(lines)


def _traceback_lines(lines: list[str]) -> Iterator[int]:
    """The numbers of the lines that belong to a traceback: up to its error, else up to the end of its paragraph."""
    number = 0
    while number < len(lines):
        begins = _BEGINS.search(lines[number])
        if begins is None:
            number += 1
            continue
        end = _end(lines, number)
        yield from range(number, end)
        number = end


def _end(lines: list[str], start: int) -> int:
    """The number of the line behind the traceback that begins in line `start`."""
    indent = re.match(r"[ \t>]*", lines[start])
    prefix = indent[0] if indent else ""
    for number in range(start + 1, min(len(lines), start + _MOST_LINES)):
        line = lines[number].removeprefix(prefix)
        if line.startswith(("```", "~~~", ">>> ")):
            return number
        if _ENDS.match(line):
            return number + 1
    return next((number for number in range(start, len(lines)) if not lines[number].strip()), len(lines))
