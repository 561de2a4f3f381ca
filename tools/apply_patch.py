"""`apply_patch`: several changes at once, all or none of them."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.files import read_text, write_text
from tools.matching import Match, find_lines, line_ending, nearest
from tools.patch_format import FileChange, Hunk, parse_patch


class ApplyPatchArguments(Arguments):
    """Arguments of `apply_patch`."""

    patch: str = Field(description="a unified diff, or the *** Begin Patch format")


class ApplyPatch:
    """Applies a patch."""

    name: ClassVar[str] = "apply_patch"
    description: ClassVar[str] = "Apply a patch to files: a unified diff, or the *** Begin Patch format."
    arguments: ClassVar[type[Arguments]] = ApplyPatchArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: ApplyPatchArguments) -> Observation:
        """What was done to each file; a `ToolError` and no change when any part does not fit."""
        changes = parse_patch(arguments.patch)
        written: dict[PurePosixPath, str] = {}
        removed: list[PurePosixPath] = []
        report = []
        for change in changes:
            place = context.place(change.path)
            if place in removed:
                raise ToolError(f"the patch changes {context.shown(place)} after it took it away; nothing was changed")
            if change.action == "delete":
                await read_text(context.sandbox, place)
                removed.append(place)
                report.append(f"{context.shown(place)} deleted")
                continue
            if change.action == "add":
                if place in written or await _exists(context, place):
                    raise ToolError(f"{context.shown(place)} exists already; update it, or use write_file")
                new = [line for hunk in change.hunks for line in hunk.new]
                written[place] = "\n".join(new) + "\n" if new else ""
                report.append(f"{context.shown(place)} added, {len(new)} lines")
                continue
            text = written.get(place) if place in written else await read_text(context.sandbox, place)
            assert text is not None
            changed, lines = apply_hunks(text, change, context.shown(place))
            target = context.place(change.move_to) if change.move_to else place
            if target != place:
                if target in written or await _exists(context, target):
                    raise ToolError(f"{context.shown(target)} exists already: nothing was moved onto it")
                removed.append(place)
            written[target] = changed
            where = f"changed at line{'s' * (len(lines) > 1)} {', '.join(lines)}" if lines else "moved there"
            report.append(f"{context.shown(target)} {where}")
        parents = shlex.join(sorted({str(place.parent) for place in written}))
        made = await context.sandbox.exec(f"mkdir -p -- {parents}" if parents else ":", timeout=60)
        if not made.ok:
            raise ToolError(f"a directory can't be made, nothing was changed: {made.output.text().strip()}")
        for place, text in written.items():
            await write_text(context.sandbox, place, text)
        if removed:
            names = shlex.join(str(place) for place in removed)
            result = await context.sandbox.exec(f"rm -f -- {names}", timeout=60)
            if not result.ok:
                raise ToolError(f"a file could not be removed: {result.output.text().strip()}")
        return Observation("\n".join(report))


async def _exists(context: ToolContext, place: PurePosixPath) -> bool:
    return (await context.sandbox.exec(f"test -e {shlex.quote(str(place))}", timeout=30)).ok


def apply_hunks(text: str, change: FileChange, name: str) -> tuple[str, list[str]]:
    """`text` with the hunks applied, and the 1-based lines they landed on. Raises `ToolError`, all or none."""
    ending = line_ending(text)
    lines = text.split(ending)
    at = shift = 0
    landed = []
    for number, hunk in enumerate(change.hunks, 1):
        match = _locate(lines, hunk, at, shift, f"hunk {number} for {name}")
        lines[match.start : match.end] = match.new
        at = match.start + len(match.new)
        shift += len(match.new) - (match.end - match.start)
        landed.append(str(match.start + 1))
    changed = ending.join(lines)
    if changed == text and not change.move_to:
        raise ToolError(f"the patch changes nothing in {name}: the file has this text already")
    return changed, landed


def _locate(lines: list[str], hunk: Hunk, at: int, shift: int, what: str) -> Match:
    """The one place a hunk is meant for: at or after line `at`, by its anchor or line number where several fit."""
    if not hunk.old:
        return _insertion(lines, hunk, at, shift, what)
    matches = [match for match in find_lines(lines, hunk.old, hunk.new) if match.start >= at]
    if len(matches) > 1 and hunk.anchor:
        anchors = [n for n, line in enumerate(lines) if n >= at and line.strip() == hunk.anchor]
        if len(anchors) == 1:
            matches = [match for match in matches if match.start >= anchors[0]][:1]
    if len(matches) > 1 and hunk.near is not None:
        wanted = hunk.near - 1 + shift
        exact = [match for match in matches if match.start == wanted]
        matches = exact or matches
    if len(matches) == 1:
        return matches[0]
    if matches:
        numbers = ", ".join(str(match.start + 1) for match in matches[:10])
        raise ToolError(f"{what} fits in {len(matches)} places (lines {numbers}); give more context lines")
    candidates = nearest(lines, hunk.old)
    hint = f" The nearest lines:\n{candidates}" if candidates else ""
    raise ToolError(f"{what} does not fit; nothing was changed.{hint}")


def _insertion(lines: list[str], hunk: Hunk, at: int, shift: int, what: str) -> Match:
    """A hunk of added lines only: after its anchor, else at its line number, else at the end of the file."""
    if hunk.anchor:
        anchors = [n for n, line in enumerate(lines) if n >= at and line.strip() == hunk.anchor]
        if len(anchors) != 1:
            raise ToolError(f"{what}: the line {hunk.anchor!r} occurs {len(anchors)} times; give context lines")
        return Match(anchors[0] + 1, anchors[0] + 1, hunk.new, "anchor")
    end = len(lines) - 1 if lines and lines[-1] == "" else len(lines)
    if hunk.near is not None:
        place = min(max(hunk.near + shift, at), end)
        return Match(place, place, hunk.new, "line number")
    return Match(end, end, hunk.new, "end of file")
