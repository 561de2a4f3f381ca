"""Replacing one piece of text in a file's content by another, wherever a matching strategy finds it."""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from tools.base import ToolError
from tools.editing.approximate import ANCHORED, ELIDED
from tools.editing.lines import BOM, body, line_ending, line_numbers, numbered, split, written
from tools.editing.matching import find_lines
from tools.editing.nearest import nearest
from tools.editing.wrapping import fences_stay, unfenced, unwrapped

_MAX_OCCURRENCES = 100  # that are counted before an edit is refused as ambiguous
_MAX_SHOWN = 60  # lines of the changed region
_MAX_DIFFERING = 5  # lines shown
_MIN_TELLING = 8  # characters; a shorter new text may be anywhere by chance


@dataclass(frozen=True)
class Edit:
    """A text after an edit; `start` and `end` (0-based, end exclusive) are its first changed lines.

    `note` says by which strategy the place was found, `differing` which lines there were not as in the old text.
    """

    text: str
    start: int
    end: int
    note: str = ""
    differing: str = ""


def region(edit: Edit, *, around: int = 3) -> str:
    """The numbered lines of an edit and `around` lines on either side, within a bound."""
    lines = split(edit.text)
    low = max(edit.start - around, 0)
    high = min(edit.end + around, len(lines))
    cut = f"\n[... to line {high} ...]" if high > low + _MAX_SHOWN else ""
    return (numbered(lines, low, min(high, low + _MAX_SHOWN)) or "[the file is empty now]") + cut


def replace_text(text: str, old: str, new: str, *, replace_all: bool, name: str) -> Edit:
    """`text` with `old` replaced by `new`; `name` is the file's, for messages and its kind.

    Raises `ToolError` when no place or more than one matches, or nothing would change.
    """
    if not old:
        raise ToolError("old is empty; use write_file to write a whole file")
    if old == new:
        raise ToolError("old and new are the same: nothing to change")
    mark = BOM if text.startswith(BOM) else ""
    text, old, new = text.removeprefix(mark), old.removeprefix(BOM), new.removeprefix(BOM)
    if not fences_stay(name) and "```" not in old:
        new = new if (inner := unfenced(new)) is None else inner.removesuffix("" if old.endswith("\n") else "\n")
    options = _Options(replace_all, None, name)
    edit = _by_characters(text, old, new, options)
    plain = None if edit else unwrapped(old, new)
    if plain is not None:
        old, new, near = plain
        options = _Options(replace_all, near, name)
        edit = _by_characters(text, old, new, options) if near is None else None
    edit = edit or _by_lines(text, old, new, options)
    if edit.text == text:
        raise ToolError("the file has this text already: nothing to change")
    return dataclasses.replace(edit, text=mark + edit.text)


@dataclass(frozen=True)
class _Options:
    """`near` is the line (1-based) at which the old text was said to be; None if it was not said."""

    replace_all: bool
    near: int | None
    name: str


def _by_lines(text: str, old: str, new: str, options: _Options) -> Edit:
    """The edit of whole lines, by the first strategy that finds the old text."""
    lines = split(text)
    bodies = [body(line) for line in lines]
    sought = _lf(old).removesuffix("\n").split("\n")
    replacement = _lf(new).removesuffix("\n").split("\n") if new else []
    matches = find_lines(bodies, sought, replacement) if old.strip() else []  # blanks alone say nothing about the place
    if not matches:
        raise _not_found(text, bodies, sought, new, options.name)
    if len(matches) > 1 and options.near is not None:
        matches = [match for match in matches if match.start == options.near - 1] or matches
    first = matches[0]
    if len(matches) > 1 and (not options.replace_all or first.strategy in {ELIDED, ANCHORED}):
        raise _ambiguous(options.name, [match.start for match in matches])
    default = line_ending(text)
    pieces: list[str] = []
    starts: list[int] = []
    at = 0
    for match in matches:
        if match.start >= at:  # else it overlaps the one before
            pieces += lines[at : match.start] + written(lines, match, default)
            starts.append(match.start)
            at = match.end
    differing = "\n".join(numbered(lines, line, line + 1) for line in first.differing[:_MAX_DIFFERING])
    return Edit(
        "".join(pieces + lines[at:]),
        first.start,
        first.start + len(first.new),
        _note("with its line numbers left out" if options.near else first.strategy, starts),
        f"\nBefore the edit these lines were not as in the old text:\n{differing}" if differing else "",
    )


def _by_characters(text: str, old: str, new: str, options: _Options) -> Edit | None:
    """The edit where `old` occurs exactly or with other line endings, also inside lines; None where it does not."""
    plain = _lf(text)
    found, strategy = _occurrences(text, old, options.replace_all), ""
    spans = [(at, at + len(old)) for at in found]
    if not spans and plain != text:
        found, strategy = _occurrences(plain, _lf(old), options.replace_all), "with line endings ignored"
        spans = _in_text(text, [(at, at + len(_lf(old))) for at in found])
    if not spans:
        return None
    places = [text.count("\n", 0, start) for start, _ in spans[:_MAX_OCCURRENCES]]
    if len(spans) > 1 and not options.replace_all:
        raise _ambiguous(options.name, places)
    pieces = []
    at = 0
    for start, end in spans:
        pieces += [text[at:start], _with_endings(text, start, end, _lf(new))]
        at = end
    height = pieces[1].count("\n") + (not pieces[1].endswith("\n"))
    return Edit("".join([*pieces, text[at:]]), places[0], places[0] + height, _note(strategy, places, len(spans)))


def _with_endings(text: str, start: int, end: int, new: str) -> str:
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
    """Spans of the text with LF line endings as spans of the text as it is."""
    lines = split(text)
    starts = list(accumulate((len(line) for line in lines), initial=0))
    plain = list(accumulate((len(body(line)) + 1 for line in lines), initial=0))

    def moved(at: int) -> int:
        line = min(bisect_right(plain, at) - 1, len(starts) - 1)
        return starts[line] + at - plain[line]

    return [(moved(start), moved(end)) for start, end in spans]


def _occurrences(text: str, old: str, all_of_them: bool) -> list[int]:
    """Where `old` occurs: every place, none overlapping another; or the first ones, which may overlap."""
    found: list[int] = []
    at = text.find(old)
    while at >= 0 and (all_of_them or len(found) < _MAX_OCCURRENCES):
        found.append(at)
        at = text.find(old, at + (len(old) if all_of_them else 1))
    return found


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _note(strategy: str, places: list[int], count: int = 0) -> str:
    """How the places were found, and which they are if there are several, in parentheses."""
    count = count or len(places)
    several = f"{count} places: {line_numbers(places)}" if count > 1 else ""
    words = "; ".join(each for each in (f"matched {strategy}" if strategy else "", several) if each)
    return f" ({words})" if words else ""


def _ambiguous(name: str, places: list[int]) -> ToolError:
    count = f"{len(places)} times" if len(places) < _MAX_OCCURRENCES else f"{_MAX_OCCURRENCES} times or more"
    return ToolError(
        f"the old text occurs {count} in {name} ({line_numbers(places)}); nothing was changed. "
        "Give more of the surrounding text, or set replace_all."
    )


def _not_found(text: str, lines: list[str], sought: list[str], new: str, name: str) -> ToolError:
    plain = _lf(new).strip("\n")
    at = _lf(text).find(plain) if plain.strip() else -1
    if at >= 0 and len(plain) > _MIN_TELLING:
        already = f" The new text stands there already, at line {_lf(text).count(chr(10), 0, at) + 1}."
    else:
        already = ""
    candidates = nearest(lines, sought)
    hint = f" The nearest lines:\n{candidates}" if candidates else "" if already else " Read the file first."
    return ToolError(f"the old text does not occur in {name}; nothing was changed.{already}{hint}")
