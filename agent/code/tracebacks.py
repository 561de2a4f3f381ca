"""Tracebacks in text: where they are, the frames they go through, the error that they end with.

Knows the formats of Python, faulthandler, IPython and pytest. `locations_in` finds the lines of a repository's files
in the output of any language's runner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_MAX_TRACEBACK_LINES = 400
_MAX_LINE_CHARACTERS = 500
_MAX_LOCATIONS = 30
_FILE_LINE = r'File "(?P<python>[^"\n]{1,400})", line (?P<python_line>\d{1,7})'
_FRAME = re.compile(
    r"^[ \t>|]*+(?:"
    rf"{_FILE_LINE}(?:,? in (?P<python_function>[\w.]+|<\w+>))?"
    r"|File (?P<ipython>[^\s:\"]+):(?P<ipython_line>\d{1,7}), in (?P<ipython_function>[\w.]+)\("
    r"|(?P<older>[^\s:()]+\.py) in (?P<older_function>\w+)\("  # IPython before version 8
    r"|(?P<pytest>[^\s:()]+\.py):(?P<pytest_line>\d{1,7}): in (?P<pytest_function>\w+)"
    r")",
    re.MULTILINE,
)
_FORMATS = ("python", "ipython", "older", "pytest")
_RAISED_FROM = re.compile(
    r"^[ \t>]*The above exception was the direct cause of the following exception:[ \t]*$", re.MULTILINE
)
_ERROR = re.compile(
    r"^(?:E {1,8})?(?P<name>[\w.]{0,200}(?:Error|Exception|Warning|Exit|Interrupt|Failure|Fault))"
    r"(?::(?P<message>[^\n]*))?$",
    re.MULTILINE,
)
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
_BEGINS = re.compile(r'Traceback \(most recent call last\)|^[ \t>]*File "[^"\n]+", line \d+')
_ENDS = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)\b|[A-Za-z_][\w.]*: ")
_LOCATION = re.compile(
    rf"{_FILE_LINE}"
    r"|\bat (?P<class>(?:[\w$]+\.)+[\w$<>]+)\((?P<java>\w+\.(?:java|kt|groovy|scala)):(?P<java_line>\d{1,7})\)"
    r"|(?<![\w./@+-])(?P<path>(?:/|\.{1,2}/)?[\w@+-][\w@+.-]*(?:/[\w@+.-]+)*\.[A-Za-z]\w{0,4}):(?P<line>\d{1,7})(?!\w)"
)
_FOREIGN = re.compile(r"(^|/)(node_modules|site-packages|dist-packages|\.venv|venv|vendor|\.tox|\.nox)/|^\.\./|^/|^<")


class TracebackFrame(NamedTuple):
    """A frame as it is written: `line` is 0 and `function` empty where the format has none."""

    path: str
    line: int
    function: str


class ErrorLine(NamedTuple):
    """A line that names an error: the class with its modules, and the message, empty for an error without one."""

    name: str
    message: str


def frames_in(text: str) -> list[TracebackFrame]:
    """The frames that a text shows, in its order."""
    found = []
    for match in _FRAME.finditer(text):
        groups = match.groupdict()
        form = next(each for each in _FORMATS if groups[each])
        line = groups.get(f"{form}_line") or 0
        found.append(TracebackFrame(groups[form], int(line), groups[f"{form}_function"] or ""))
    return found


def without_frames(text: str) -> str:
    """The text without the frames that `frames_in` finds."""
    return _FRAME.sub("", text)


def cause_last(text: str) -> str:
    """A text with the traceback of an error that another was raised from behind that one's."""
    return "\n".join(reversed(_RAISED_FROM.split(text)))


def last_traceback(output: str) -> str:
    """What stands behind the head of the last traceback, all where there is none; errors at the exit left out."""
    return output.partition("\nException ignored in")[0].rpartition("Traceback (most recent call last)")[2]


def raised_error(output: str) -> str:
    """The class of the error that ended the last traceback, as it is written; empty where there is none."""
    raised = _RAISED.findall(last_traceback(output))
    return str(raised[-1]) if raised else ""


def error_lines(text: str) -> list[ErrorLine]:
    """The lines that are nothing but an error (or warning, exit, …) and its message, also those pytest marks with E."""
    return [ErrorLine(match["name"], (match["message"] or "").strip()) for match in _ERROR.finditer(text)]


def is_error(name: str) -> bool:
    """Whether a class is named as errors are, and not as warnings and exits."""
    return name.endswith(("Error", "Exception"))


def without_tracebacks(text: str) -> str:
    """The text with blanks for the letters of its tracebacks, so that everything else keeps its offset."""
    lines = text.split("\n")
    for number in _traceback_lines(lines):
        lines[number] = re.sub(r"\S", " ", lines[number])
    return "\n".join(lines)


def _traceback_lines(lines: list[str]) -> Iterator[int]:
    """The numbers of the lines that belong to a traceback: up to its error, else up to the end of its paragraph."""
    number = 0
    while number < len(lines):
        if _BEGINS.search(lines[number]) is None:
            number += 1
            continue
        end = _end(lines, number)
        yield from range(number, end)
        number = end


def _end(lines: list[str], start: int) -> int:
    """The number of the line behind the traceback that begins in line `start`."""
    indent = re.match(r"[ \t>]*", lines[start])
    prefix = indent[0] if indent else ""
    for number in range(start + 1, min(len(lines), start + _MAX_TRACEBACK_LINES)):
        line = lines[number].removeprefix(prefix)
        if line.startswith(("```", "~~~", ">>> ")):
            return number
        if _ENDS.match(line):
            return number + 1
    return next((number for number in range(start, len(lines)) if not lines[number].strip()), len(lines))


def locations_in(text: str, root: str, under: str = "") -> tuple[tuple[str, int], ...]:
    """The lines of the repository's files that a text names, in its order: path from the root, line number.

    `root` is the repository's absolute path, `under` the folder in it that bare file names are relative to. Files
    elsewhere and installed packages are left out. At most 30: of more, the first and the last.
    """
    found: list[tuple[str, int]] = []
    prefix = root.rstrip("/") + "/"
    for written in text.splitlines():
        for match in _LOCATION.finditer(written[:_MAX_LINE_CHARACTERS].replace("file://", "")):
            if match["java"]:
                path = _java_path(match["class"], match["java"])
            else:
                path = (match["python"] or match["path"]).removeprefix(prefix).removeprefix("./")
                if under and "/" not in path:
                    path = f"{under}/{path}"
            location = (path, int(match["python_line"] or match["java_line"] or match["line"]))
            if path and not _FOREIGN.search(path) and found[-1:] != [location]:
                found.append(location)
    # of a deep recursion the two ends are worth more than the middle
    half = _MAX_LOCATIONS // 2
    return tuple(found if len(found) <= _MAX_LOCATIONS else found[:half] + found[-half:])


def _java_path(qualified: str, file: str) -> str:
    """A class's path in the layout that Maven and Gradle share; empty for the platform's own classes."""
    parts = qualified.split(".")
    if parts[0] in {"java", "javax", "jdk", "sun", "kotlin", "groovy"} or ".junit." in qualified:
        return ""
    language = {"kt": "kotlin"}.get(file.rpartition(".")[2], file.rpartition(".")[2])
    kind = "test" if re.search(r"(Tests?|IT|Spec)\.\w+$", file) else "main"
    return "/".join(["src", kind, language, *parts[:-2], file])
