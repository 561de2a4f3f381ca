"""The lines of the repository's code that an issue names: the frames of its tracebacks, and files with line numbers.

A reporter's line numbers are another version's, and the paths another machine's; files and functions mostly are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.code.tracebacks import cause_last, frames_in, without_frames, without_tracebacks

_MENTION = re.compile(
    r"(?<![\w./~\\-])(?:"
    r"(?P<path>[\w./~\\-]*\w\.\w{1,4})[`'\"]?(?:#L|:|[\s,(]{1,3}(?:(?:at|on|in|around|near) )?lines? )"
    r"(?P<line>\d{1,6})\b"
    r"|lines? (?P<first>\d{1,6})(?:-\d+)? (?:of|in) (?:the file )?[`'\"]?(?P<of>[\w./~\\-]*\w\.\w{1,4})\b"
    r")",
    re.IGNORECASE,
)
"""`util.py:12`, `util.py#L12`, `util.py at line 12`, `line 12 of util.py`."""
_SOURCE_FOLDERS = ("src", "lib", "python")
_INSTALLED = {"site-packages", "dist-packages", *_SOURCE_FOLDERS}


@dataclass(frozen=True)
class Frame:
    """A line in the function `function`, by the repository's path; `line` is 0 where only the function is named.

    `function` is empty where a reporter names a line in passing.
    """

    path: str
    function: str
    line: int


def issue_frames(issue: str, paths: Iterable[str]) -> list[Frame]:
    """The frames of an issue's tracebacks that are in files of the repository (`paths`), the cause of all last.

    Behind them what the prose names by file and line, since that is what the reporter has come to.
    """
    named: dict[str, list[str]] = {}
    for path in paths:
        named.setdefault(PurePosixPath(path).name, []).append(path)
    found: list[Frame] = []
    for frame in frames_in(cause_last(issue)):
        path = _in_repository(frame.path, named)
        if path and frame.function and not frame.function.startswith("<"):
            found.append(Frame(path, frame.function, frame.line))
    for match in _MENTION.finditer(without_frames(without_tracebacks(issue))):
        if path := _in_repository(match["path"] or match["of"], named):
            found.append(Frame(path, "", int(match["line"] or match["first"])))
    return list(dict.fromkeys(found))


def _in_repository(written: str, named: dict[str, list[str]]) -> str:
    """The repository's file that a path on another machine is; empty where that is unclear."""
    parts = [part for part in written.replace("\\", "/").split("/") if part not in {"", ".", "..", "...", "~"}]
    same = named.get(parts[-1], []) if parts else []
    for path in same:
        own = path.split("/")
        own = own[1:] if own[0] in _SOURCE_FOLDERS else own
        if len(own) > 1 and (parts[-len(own) :] == own or (len(parts) > 1 and own[-len(parts) :] == parts)):
            return path
        if len(own) == 1 and len(parts) > 1 and parts[-2] in _INSTALLED:
            return path
    return same[0] if len(same) == len(parts) == 1 else ""
