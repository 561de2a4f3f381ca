"""Locating the hunks of a patch in a text, and applying them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.base import ToolError
from tools.editing.indentation import indent
from tools.editing.lines import BOM, Match, body, line_ending, line_numbers, splice, split
from tools.editing.matching import find_lines
from tools.editing.nearest import nearest
from tools.editing.patch_format import FileChange, Hunk


@dataclass(frozen=True)
class AppliedHunk:
    """The lines of a hunk after it was applied (0-based, end exclusive), and the strategy that located it."""

    start: int
    end: int
    strategy: str


def apply_hunks(text: str, change: FileChange, name: str) -> tuple[str, list[AppliedHunk]]:
    """`text` with all hunks of `change` applied, and their places. Raises `ToolError` if one of them does not fit."""
    mark = BOM if text.startswith(BOM) else ""
    lines = split(text.removeprefix(mark))
    bodies = [body(line) for line in lines]
    default = line_ending(text)
    at = shift = 0
    applied: list[AppliedHunk] = []
    for number, hunk in enumerate(change.hunks, 1):
        match = _locate(bodies, hunk, at, shift, f"hunk {number} for {name}")
        bodies[match.start : match.end] = [bodies[n] if isinstance(n, int) else n for n in match.new]
        lines = splice(lines, match, default)
        at = match.start + len(match.new)
        shift += len(match.new) - (match.end - match.start)
        applied.append(AppliedHunk(match.start, at, match.strategy))
    changed = mark + "".join(lines)
    if changed == text and not change.move_to:
        raise ToolError(f"the patch changes nothing in {name}: the file has this text already")
    return changed, applied


def _locate(lines: list[str], hunk: Hunk, at: int, shift: int, what: str) -> Match:
    """The one place for a hunk at or after line `at`; of several, the one by its anchor or line number.

    `shift` is how many lines the hunks before it have added. Raises `ToolError` if there is none or more than one.
    """
    if not hunk.old:
        return _insertion(lines, hunk, at, shift, what)
    matches = [_moved(match, at) for match in find_lines(lines[at:], hunk.old, hunk.new)]
    if len(matches) > 1 and hunk.anchor:
        matches = _after_anchor(lines, hunk.anchor, at, matches)
    if len(matches) > 1 and hunk.near is not None:
        matches = [match for match in matches if match.start == (hunk.near or 0) - 1 + shift] or matches
    if len(matches) == 1:
        return matches[0]
    if matches:
        where = line_numbers([match.start for match in matches])
        raise ToolError(
            f"{what} fits in {len(matches)} places ({where}); nothing was changed. Give more context lines."
        )
    candidates = nearest(lines, hunk.old)
    hint = f" The nearest lines:\n{candidates}" if candidates else ""
    raise ToolError(f"{what} does not fit; nothing was changed.{hint}")


def _moved(match: Match, by: int) -> Match:
    new = [each + by if isinstance(each, int) else each for each in match.new]
    return replace(match, start=match.start + by, end=match.end + by, new=new)


def _after_anchor(lines: list[str], anchor: str, at: int, matches: list[Match]) -> list[Match]:
    """The matches in the block that a unique anchor opens, if any, else those after it."""
    anchors = [n for n in range(at, len(lines)) if lines[n].strip() == anchor]
    if len(anchors) != 1:
        return matches
    depth = len(indent(lines[anchors[0]]))
    rest = range(anchors[0] + 1, len(lines))
    end = next((n for n in rest if lines[n].strip() and len(indent(lines[n])) <= depth), len(lines))
    after = [match for match in matches if match.start >= anchors[0]]
    return [match for match in after if match.start < end] or after or matches


def _insertion(lines: list[str], hunk: Hunk, at: int, shift: int, what: str) -> Match:
    """A hunk of added lines only: after its anchor, else at its line number, else at the end of the file."""
    new: list[int | str] = list(hunk.new)
    if hunk.anchor:
        anchors = [n for n in range(at, len(lines)) if lines[n].strip() == hunk.anchor]
        if len(anchors) != 1:
            raise ToolError(f"{what}: the line {hunk.anchor!r} occurs {len(anchors)} times; give context lines")
        return Match(anchors[0] + 1, anchors[0] + 1, new)
    line = len(lines)
    if hunk.near is not None:
        line = min(max(hunk.near + shift, at), line)
    return Match(line, line, new)
