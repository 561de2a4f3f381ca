"""Diffs read with unidiff: their files, where each begins, how many lines they change, and which.

For showing and comparing, never to decide what is safe: that is git's index (`patch_policy`). A diff that can't be
read has no files here: one that is malformed, too large, or names a directory that ends in " b". Bytes are taken as
Latin-1, so that offsets are in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from unidiff.patch import PatchedFile

MAX_BYTES = 16 << 20
"""Of a diff that is read; what leaves a sandbox has at most 4 MiB."""
MAX_LINES = 500_000
"""Outside of hunks each costs some microseconds, and two can make a hunk, which takes half a kilobyte."""
MAX_FILES = 10_000
MAX_BYTES_WITH_LINES = 1 << 20
"""Of a diff whose lines are wanted, too: each takes a quarter of a kilobyte."""
_NO_FILE = "/dev/null"
_PREFIX = re.compile(r"^[a-z0-9]/")
_ESCAPE = re.compile(r'\\([0-7]{3}|[abfnrtv"\\])')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True)
class FileDiff:
    """What a diff does to one file: `section` is its part of the diff, `added` and `removed` are numbers of lines.

    `path` is the file's after the change, for a removed one before it; `old_path` is another one for a rename.
    """

    path: str
    old_path: str
    section: bytes
    added: int
    removed: int
    is_new: bool


class ChangedLine(NamedTuple):
    """A line that a diff adds or removes, without its end: `sign` is `+` or `-`.

    `at` is its number in the file before; for an added line, that of the line before it, 0 at the beginning.
    """

    path: str
    sign: str
    text: str
    at: int


class _Unreadable(ValueError):
    """The diff is beyond a bound, or has a line that git never writes."""


def read_diff(diff: bytes) -> list[FileDiff]:
    """The files of a diff, in its order; none for one that can't be read."""
    lines = _Lines(diff)
    files = _parse(lines, keep_lines=False)
    starts = [lines.offsets.get(file.diff_line_no or 0) for file in files]
    if None in starts:
        return []
    return [
        _file_diff(file, diff[start:end]) for file, start, end in zip(files, starts, [*starts[1:], None], strict=False)
    ]


def read_changed_lines(diff: bytes) -> list[ChangedLine] | None:
    """The lines that a diff adds and removes, in its order; None for one that can't be read or is beyond 1 MiB."""
    files = _parse(_Lines(diff), keep_lines=True) if len(diff) <= MAX_BYTES_WITH_LINES else []
    if not files:
        return None if diff.strip() else []
    found = []
    for file in files:
        path = _paths(file)[1]
        for hunk in file:
            # a hunk that removes nothing and has no context begins behind the line that its header names
            at = hunk.source_start - (1 if hunk.source_length else 0)
            for line in hunk:
                at += not line.is_added
                if line.is_added or line.is_removed:
                    found.append(ChangedLine(path, line.line_type, _decoded(line.value.removesuffix("\n")), at))
    return found


def _parse(lines: _Lines, *, keep_lines: bool) -> list[PatchedFile]:
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        return list(PatchSet(lines, metadata_only=not keep_lines))
    except (UnidiffParseError, ValueError):  # the latter also for a number of thousands of digits
        return []


class _Lines:
    """The lines of a diff within bounds, and without those on which unidiff's patterns take more than linear time.

    Once they were read, `offsets` has where in the diff each file begins, by the number that unidiff gives its line.
    """

    def __init__(self, diff: bytes) -> None:
        self._diff = diff
        self.offsets: dict[int, int] = {}

    def __iter__(self) -> Iterator[str]:
        if len(self._diff) > MAX_BYTES:
            raise _Unreadable
        offset = files = 0
        in_binary = False
        for number, line in enumerate(BytesIO(self._diff), 1):
            if line.startswith(b"diff --git "):
                self.offsets[number] = offset
                files += 1
                in_binary = False
            elif line.startswith(b"--- "):  # of a file without git's header; unidiff gives the number of the next line
                self.offsets[number + 1] = offset
            if number > MAX_LINES or files > MAX_FILES:
                raise _Unreadable
            offset += len(line)
            yield "\n" if in_binary else _harmless(line)
            in_binary = in_binary or line.startswith((b"GIT binary patch", b"Binary files "))


def _harmless(line: bytes) -> str:
    """A line as text; in the form that unidiff reads in linear time, where it knows two."""
    if line.startswith(b"Binary files "):
        return "GIT binary patch\n"  # the file is named by the header above it
    if line.startswith(b"diff --git ") and b"://" in line:  # in no path of git's
        raise _Unreadable
    return line.decode("latin-1")


def _file_diff(file: PatchedFile, section: bytes) -> FileDiff:
    old, new = _paths(file)
    return FileDiff(new, old, section, file.added, file.removed, is_new=file.source_file == _NO_FILE)


def _paths(file: PatchedFile) -> tuple[str, str]:
    """The paths before and after; the same where there is only one."""
    old, new = (name if name == _NO_FILE else _path(name) for name in (file.source_file, file.target_file))
    return (new if old == _NO_FILE else old), (old if new == _NO_FILE else new)


def _path(name: str) -> str:
    """A path as it is, out of a header: without git's prefix and quoting."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1]) or _character(found[1]), name[1:-1])
    return _decoded(_PREFIX.sub("", name))


def _character(escape: str) -> str:
    return chr(int(escape, 8) & 0xFF) if escape.isdigit() else escape


def _decoded(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "backslashreplace")
