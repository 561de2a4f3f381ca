"""Reading patches as models write them: unified diffs and the `*** Begin Patch` format, both leniently.

Sources: GNU diffutils, "Unified Format"; the format of OpenAI's codex `apply_patch`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from tools.base import ToolError

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_DIRECTIVE = re.compile(r"^\*\*\* (Add|Delete|Update) File: (.+)$")
_HEADER_LINES = (
    "rename from ",
    "rename to ",
    "new file mode ",
    "deleted file mode ",
    "GIT binary patch",
    "Binary files ",
)
_FENCE = re.compile(r"^```[\w-]*$")


@dataclass
class Hunk:
    """Lines to find and lines to replace them by. `near` is a 1-based line number, `anchor` a line somewhere before."""

    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    near: int | None = None
    anchor: str = ""

    def add(self, line: str) -> None:
        """Add one line of a hunk with its mark; an empty one is an empty line of context."""
        mark, text = (line[0], line[1:]) if line else (" ", "")
        if mark in " -":
            self.old.append(text)
        if mark in " +":
            self.new.append(text)


@dataclass
class FileChange:
    """The change of one file; `move_to` is its new path, empty if it keeps its own."""

    path: str
    action: Literal["add", "delete", "update"]
    hunks: list[Hunk] = field(default_factory=list)
    move_to: str = ""


def parse_patch(text: str) -> list[FileChange]:
    """The changes of a patch in either format. Raises `ToolError`, which says what is expected."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    if lines and _FENCE.match(lines[0].strip()):
        lines = lines[1:-1] if lines[-1].strip() == "```" else lines[1:]
    if any(line.strip() == "*** Begin Patch" or _DIRECTIVE.match(line.strip()) for line in lines):
        changes = _parse_begin_patch(lines)
    else:
        changes = _parse_unified(lines)
    if not changes:
        raise ToolError(
            "no change found in the patch. Expected a unified diff (--- a/file, +++ b/file, @@ ... @@), or "
            "*** Begin Patch / *** Update File: path / @@ / lines with ' ', '-', '+' / *** End Patch"
        )
    for change in changes:
        if change.action == "update" and not change.hunks and not change.move_to:
            raise ToolError(f"the patch names {change.path} but has no hunk for it")
    return changes


def _parse_begin_patch(lines: list[str]) -> list[FileChange]:
    changes: list[FileChange] = []
    hunk: Hunk | None = None
    for line in lines:
        directive = _DIRECTIVE.match(line.strip())
        if directive:
            action = directive[1].lower()
            changes.append(FileChange(directive[2].strip(), action))  # type: ignore[arg-type]
            hunk = None
            if action == "add":
                hunk = Hunk()
                changes[-1].hunks.append(hunk)
        elif line.strip() in {"*** Begin Patch", "*** End Patch", "*** End of File"} or not changes:
            continue
        elif line.startswith("*** Move to: "):
            changes[-1].move_to = line.removeprefix("*** Move to: ").strip()
        elif line.startswith("@@"):
            numbers = _HUNK.match(line)
            anchor = "" if numbers else line[2:].removesuffix("@@").strip()
            hunk = Hunk(near=int(numbers[1]) if numbers else None, anchor=anchor)
            changes[-1].hunks.append(hunk)
        else:
            if hunk is None:
                hunk = Hunk()
                changes[-1].hunks.append(hunk)
            _add(hunk, line, changes[-1].path)
    return changes


def _parse_unified(lines: list[str]) -> list[FileChange]:
    changes: list[FileChange] = []
    hunk: Hunk | None = None
    header: list[str] = []  # from `diff --git` on, until the file's `---`
    at = 0
    while at < len(lines):
        line = lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ ") and _begins_file(lines, at + 2, hunk):
            changes.append(_unified_header(line[4:], following[4:]))
            hunk, header = None, []
            at += 1
        elif line.startswith("@@") and changes:
            numbers = _HUNK.match(line)
            hunk = Hunk(near=int(numbers[1]) if numbers else None)
            changes[-1].hunks.append(hunk)
        elif line.startswith("diff --git "):
            changes += _without_lines(header)
            hunk, header = None, [line]
        elif header:
            header.append(line)
        elif hunk is not None and not line.startswith("\\"):
            _add(hunk, line, changes[-1].path)
        at += 1
    changes += _without_lines(header)
    for change in changes:
        for each in change.hunks:
            _drop_trailing_blank(each)
    return changes


def _begins_file(lines: list[str], at: int, hunk: Hunk | None) -> bool:
    """Whether `---` and `+++` are a header; within a hunk they may be a removed `-- x` and an added `++ y`."""
    return hunk is None or at >= len(lines) or lines[at].startswith("@@")


def _without_lines(header: list[str]) -> list[FileChange]:
    """The change that a git header without hunks describes: a rename, or an empty file added or deleted."""
    header_lines = {key: line[len(key) :].strip() for line in header for key in _HEADER_LINES if line.startswith(key)}
    if "rename from " in header_lines and "rename to " in header_lines:
        return [FileChange(header_lines["rename from "], "update", move_to=header_lines["rename to "])]
    # "diff --git a/NAME b/NAME": both halves are the same name
    names = header[0].removeprefix("diff --git ").strip() if header else ""
    path = names[: len(names) // 2].removeprefix("a/")
    if "GIT binary patch" in header_lines or "Binary files " in header_lines:
        raise ToolError(f"the patch changes {path or names}, a binary file; only text can be patched")
    if "new file mode " in header_lines or "deleted file mode " in header_lines:
        return [FileChange(path, "add" if "new file mode " in header_lines else "delete")]
    return []


def _unified_header(old: str, new: str) -> FileChange:
    old, new = (name.split("\t")[0].strip() for name in (old, new))
    names = [name[2:] if name[:2] in {"a/", "b/"} else name for name in (old, new)]
    if old == "/dev/null":
        return FileChange(names[1], "add")
    if new == "/dev/null":
        return FileChange(names[0], "delete")
    return FileChange(names[0], "update", move_to=names[1] if names[0] != names[1] else "")


def _add(hunk: Hunk, line: str, path: str) -> None:
    if line and line[0] not in " +-":
        raise ToolError(f"a line of the patch for {path} begins with none of ' ', '-', '+': {line[:80]!r}")
    hunk.add(line)


def _drop_trailing_blank(hunk: Hunk) -> None:
    """Remove a blank line at the end of a hunk: it ends the model's text and is no context."""
    while hunk.old and hunk.new and hunk.old[-1] == hunk.new[-1] == "":
        hunk.old.pop()
        hunk.new.pop()
