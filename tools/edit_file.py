"""`edit_file`: replace one piece of text in a file by another."""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.editing.approximate import ANCHORED, ELIDED
from tools.editing.lines import BOM, body, line_ending, numbered, numbers, split, written
from tools.editing.matching import find_lines
from tools.editing.nearest import nearest
from tools.editing.syntax import new_faults
from tools.editing.wrapping import fences_stay, unfenced, unwrapped
from tools.files import read_known, write_text

_MOST_PLACES = 100
_MOST_SHOWN = 60
_MOST_UNLIKE = 5
_TELLING = 8  # a shorter new text may stand anywhere by chance


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
        place = context.resolve_path(arguments.path)
        name = context.display_path(place)
        text = await read_known(context, place)
        made = replace(text, arguments.old, arguments.new, replace_all=arguments.replace_all, name=name)
        await write_text(context.sandbox, place, made.text)
        faults = new_faults(context, name, text, made.text)
        return Observation(f"{name} edited{made.note}:\n{region(made)}{made.lost}{faults}")


@dataclass(frozen=True)
class Edit:
    """A text after an edit; `start` and `end` (0-based, end exclusive) are its first changed lines.

    `note` says how the place was found, `lost` what stood there that was not as expected.
    """

    text: str
    start: int
    end: int
    note: str = ""
    lost: str = ""


def region(edit: Edit, *, around: int = 3) -> str:
    """Numbered lines around an edit."""
    lines = split(edit.text)
    low = max(edit.start - around, 0)
    high = min(edit.end + around, len(lines))
    cut = f"\n[... to line {high} ...]" if high > low + _MOST_SHOWN else ""
    return (numbered(lines, low, min(high, low + _MOST_SHOWN)) or "[the file is empty now]") + cut


def replace(text: str, old: str, new: str, *, replace_all: bool, name: str) -> Edit:
    """`text` with `old` replaced by the first rung of the ladder that finds it.

    Raises `ToolError` when nothing or more than one place matches, or nothing would change.
    """
    if not old:
        raise ToolError("old is empty; use write_file to write a whole file")
    if old == new:
        raise ToolError("old and new are the same: nothing to change")
    mark = BOM if text.startswith(BOM) else ""
    text, old, new = text.removeprefix(mark), old.removeprefix(BOM), new.removeprefix(BOM)
    if not fences_stay(name) and "```" not in old:
        new = new if (inner := unfenced(new)) is None else inner.removesuffix("" if old.endswith("\n") else "\n")
    wanted = _Wanted(replace_all, None, name)
    made = _spliced(text, old, new, wanted)
    plain = None if made else unwrapped(old, new)
    if plain is not None:
        old, new, near = plain
        wanted = _Wanted(replace_all, near, name)
        made = _spliced(text, old, new, wanted) if near is None else None
    made = made or _by_lines(text, old, new, wanted)
    if made.text == text:
        raise ToolError("the file has this text already: nothing to change")
    return dataclasses.replace(made, text=mark + made.text)


@dataclass(frozen=True)
class _Wanted:
    replace_all: bool
    near: int | None
    name: str


def _by_lines(text: str, old: str, new: str, wanted: _Wanted) -> Edit:
    """The edit by whole lines."""
    lines = split(text)
    bodies = [body(line) for line in lines]
    sought = _lf(old).removesuffix("\n").split("\n")
    replacement = _lf(new).removesuffix("\n").split("\n") if new else []
    matches = find_lines(bodies, sought, replacement) if old.strip() else []  # blanks alone name no place
    if not matches:
        raise _absent(text, bodies, sought, new, wanted.name)
    if len(matches) > 1 and wanted.near is not None:
        matches = [match for match in matches if match.start == wanted.near - 1] or matches
    first = matches[0]
    if len(matches) > 1 and (not wanted.replace_all or first.rung in {ELIDED, ANCHORED}):
        raise _ambiguous(wanted.name, [match.start for match in matches])
    default = line_ending(text)
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for match in matches:
        if match.start >= at:  # else it overlaps the one before
            pieces += lines[at : match.start] + written(lines, match, default)
            places.append(match.start)
            at = match.end
    unlike = "\n".join(numbered(lines, line, line + 1) for line in first.unlike[:_MOST_UNLIKE])
    return Edit(
        "".join(pieces + lines[at:]),
        first.start,
        first.start + len(first.new),
        _note("with its line numbers left out" if wanted.near else first.rung, places),
        f"\nBefore the edit these lines were not as in the old text:\n{unlike}" if unlike else "",
    )


def _spliced(text: str, old: str, new: str, wanted: _Wanted) -> Edit | None:
    """The edit where `old` stands as it is or but for line endings, even inside lines; None where it does not."""
    plain = _lf(text)
    found, rung = _occurrences(text, old, wanted.replace_all), ""
    spans = [(at, at + len(old)) for at in found]
    if not spans and plain != text:
        found, rung = _occurrences(plain, _lf(old), wanted.replace_all), "with line endings ignored"
        spans = _in_text(text, [(at, at + len(_lf(old))) for at in found])
    if not spans:
        return None
    places = [text.count("\n", 0, start) for start, _ in spans[:_MOST_PLACES]]
    if len(spans) > 1 and not wanted.replace_all:
        raise _ambiguous(wanted.name, places)
    pieces = []
    at = 0
    for start, end in spans:
        pieces += [text[at:start], _fitted(text, start, end, _lf(new))]
        at = end
    height = pieces[1].count("\n") + (not pieces[1].endswith("\n"))
    return Edit("".join([*pieces, text[at:]]), places[0], places[0] + height, _note(rung, places, len(spans)))


def _fitted(text: str, start: int, end: int, new: str) -> str:
    """`new` with the line endings of what it replaces, and an end where `old` was whole lines and `new` lacks it."""
    replaced = text[start:end]
    before = text[text.rfind("\n", 0, start) + 1 : start]
    if replaced.strip() and replaced.endswith("\n") and new and not new.endswith("\n") and not before.strip():
        new += "\n"
    endings = re.findall(r"\r?\n", replaced)
    if not endings:
        following = text.find("\n", end)
        endings = [text[following - (text[following - 1 : following] == "\r") : following + 1] or line_ending(text)]
    first, *rest = new.split("\n")
    return first + "".join(endings[min(n, len(endings) - 1)] + part for n, part in enumerate(rest))


def _in_text(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of the text in LF as spans of the text as it is."""
    lines = split(text)
    starts = list(accumulate((len(line) for line in lines), initial=0))
    plain = list(accumulate((len(body(line)) + 1 for line in lines), initial=0))

    def moved(at: int) -> int:
        line = min(bisect_right(plain, at) - 1, len(starts) - 1)
        return starts[line] + at - plain[line]

    return [(moved(start), moved(end)) for start, end in spans]


def _occurrences(text: str, old: str, apart: bool) -> list[int]:
    """Where `old` stands: all places apart from each other, or the first ones with those that overlap."""
    found: list[int] = []
    at = text.find(old)
    while at >= 0 and (apart or len(found) < _MOST_PLACES):
        found.append(at)
        at = text.find(old, at + (len(old) if apart else 1))
    return found


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _note(rung: str, places: list[int], count: int = 0) -> str:
    count = count or len(places)
    several = f"{count} places: {numbers(places)}" if count > 1 else ""
    words = "; ".join(each for each in (f"matched {rung}" if rung else "", several) if each)
    return f" ({words})" if words else ""


def _ambiguous(name: str, places: list[int]) -> ToolError:
    count = f"{len(places)} times" if len(places) < _MOST_PLACES else f"{_MOST_PLACES} times or more"
    return ToolError(
        f"the old text occurs {count} in {name} ({numbers(places)}); nothing was changed. "
        "Give more of the surrounding text, or set replace_all."
    )


def _absent(text: str, lines: list[str], sought: list[str], new: str, name: str) -> ToolError:
    plain = _lf(new).strip("\n")
    at = _lf(text).find(plain) if plain.strip() else -1
    if at >= 0 and len(plain) > _TELLING:
        there = f" The new text stands there already, at line {_lf(text).count(chr(10), 0, at) + 1}."
    else:
        there = ""
    candidates = nearest(lines, sought)
    hint = f" The nearest lines:\n{candidates}" if candidates else "" if there else " Read the file first."
    return ToolError(f"the old text does not occur in {name}; nothing was changed.{there}{hint}")
