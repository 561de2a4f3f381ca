"""`edit_file`: replace one piece of text in a file by another."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.files import read_text, write_text
from tools.matching import apart, find_lines, line_ending, nearest


class EditFileArguments(Arguments):
    """Arguments of `edit_file`."""

    path: str = Field(description="path relative to the repository root")
    old: str = Field(description="the text to replace, as it stands in the file, enough of it to be unique")
    new: str = Field(description="the text to put in its place")
    replace_all: bool = Field(False, description="replace every occurrence")


class EditFile:
    """Edits a file."""

    name: ClassVar[str] = "edit_file"
    description: ClassVar[str] = "Replace a piece of text in a file. The old text must occur exactly once."
    arguments: ClassVar[type[Arguments]] = EditFileArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: EditFileArguments) -> Observation:
        """The region as it is afterwards; a `ToolError` with the nearest candidates when nothing was changed."""
        place = context.place(arguments.path)
        text = await read_text(context.sandbox, place)
        changed, line, note = replace(
            text, arguments.old, arguments.new, replace_all=arguments.replace_all, name=context.shown(place)
        )
        await write_text(context.sandbox, place, changed)
        return Observation(f"{context.shown(place)} edited{note}:\n{region(changed, line, arguments.new)}")


def region(text: str, line: int, new: str, *, around: int = 3) -> str:
    """Numbered lines around an edit that put `new` at `line` (0-based)."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    last = min(line + new.count("\n") + 1 + around, len(lines))
    last = min(last, line + 60)
    return "\n".join(f"{n + 1}\t{lines[n]}" for n in range(max(line - around, 0), last))


def replace(text: str, old: str, new: str, *, replace_all: bool, name: str) -> tuple[str, int, str]:
    """`text` with `old` replaced, the 0-based line of the change, and a note on how it matched.

    Raises `ToolError` when nothing or more than one place matches, or nothing would change.
    """
    if not old:
        raise ToolError("old is empty; use write_file to write a whole file")
    if old == new:
        raise ToolError("old and new are the same: nothing to change")
    ending = line_ending(text)
    places = _occurrences(text, old)
    if len(places) == 1 or (places and replace_all):
        if ending == "\r\n":
            new = new.replace("\r\n", "\n").replace("\n", "\r\n")
        count = text.count(old)
        return text.replace(old, new), text.count("\n", 0, places[0]), f" ({count} places)" if count > 1 else ""
    if places:
        raise _ambiguous(name, [text.count("\n", 0, at) for at in places])
    lines = text.split(ending)
    wanted = old.replace("\r\n", "\n").removesuffix("\n").split("\n")
    replacement = new.replace("\r\n", "\n").removesuffix("\n").split("\n") if new else []
    matches = find_lines(lines, wanted, replacement) if old.strip() else []  # blanks alone name no place
    if not matches:
        candidates = nearest(lines, wanted)
        hint = f" The nearest lines:\n{candidates}" if candidates else " Read the file first."
        raise ToolError(f"the old text does not occur in {name}; nothing was changed.{hint}")
    if len(matches) > 1 and not replace_all:
        raise _ambiguous(name, [match.start for match in matches])
    for match in reversed(apart(matches)):
        lines[match.start : match.end] = match.new
    changed = ending.join(lines)
    if changed and text.endswith("\n") and not changed.endswith("\n"):
        changed += ending  # the old text had a blank line more than the file has
    if changed == text:
        raise ToolError("the file has this text already: nothing to change")
    return changed, matches[0].start, f" (matched with {matches[0].rung} ignored)"


def _occurrences(text: str, old: str) -> list[int]:
    found, at = [], text.find(old)
    while at >= 0:
        found.append(at)
        at = text.find(old, at + 1)  # overlapping ones are as ambiguous as others
    return found


def _ambiguous(name: str, lines: list[int]) -> ToolError:
    numbers = ", ".join(str(line + 1) for line in lines[:10])
    return ToolError(
        f"the old text occurs {len(lines)} times in {name} (lines {numbers}); nothing was changed. "
        "Give more of the surrounding text, or set replace_all."
    )
