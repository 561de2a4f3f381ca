"""A uniform difference of indentation (shifted, scaled, or tabs for spaces), carried over to new lines."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, gcd

_TAB_WIDTH = 4  # spaces for a tab, if nothing in the text says how many

Reindent = Callable[[str], str]


def indent(line: str) -> str:
    """The blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def reindent(old: list[str], region: list[str], new: list[str]) -> Reindent | None:
    """A function that gives a line of `new` the indentation it needs in `region`, the file's lines for `old`.

    None if the indentation of `old` does not differ from the region's in a uniform way. `old` and `region` have the
    same length and differ in blanks only; the first line of `old` may have lost its indentation.
    """
    pairs = [(indent(a), indent(b)) for a, b in zip(old, region, strict=True) if a.strip()]
    if not pairs:
        return None
    wanted = [indent(line) for line in new if line.strip()]
    found = _uniform(pairs, wanted)
    if found is None and len(pairs) > 1 and not pairs[0][0] and pairs[0][1]:
        rest = _uniform(pairs[1:], wanted)
        if rest is not None:
            return lambda line: _put(pairs[0][1], line) if not indent(line) else _put(rest(indent(line)), line)
    if found is None:
        return None
    return lambda line: _put(found(indent(line)), line)


def _put(blanks: str, line: str) -> str:
    return blanks + line.lstrip() if line.strip() else line


def _uniform(pairs: list[tuple[str, str]], wanted: list[str]) -> Reindent | None:
    """A function that maps the first indentation of each pair to the second, and others likewise."""
    given = set("".join([old for old, _ in pairs] + wanted))
    there = set("".join(region for _, region in pairs))
    if not (len(given) == len(there) == 1 and given != there):
        shift = _shift(pairs)
        if shift is not None:
            return shift
    if len(given) <= 1 and len(there) <= 1:
        return _scale(pairs, wanted, "".join(given), "".join(there) or "".join(given))
    return None


def _shift(pairs: list[tuple[str, str]]) -> Reindent | None:
    """The mapping that replaces one common prefix by another."""
    old, region = min(pairs, key=lambda pair: len(pair[0]))
    if any(not a.startswith(old) or b != region + a[len(old) :] for a, b in pairs):
        return None

    def apply(blanks: str) -> str:
        if blanks.startswith(old):
            return region + blanks[len(old) :]
        missing = len(old) - len(blanks)
        return region[: max(len(region) - missing, 0)] if missing > 0 else blanks

    return apply


def _scale(pairs: list[tuple[str, str]], wanted: list[str], kind: str, region_kind: str) -> Reindent | None:
    """The mapping of widths by a factor and an offset, where either side has one kind of blank only."""
    width, there = len(pairs[0][0]), len(pairs[0][1])
    other = next(((len(a), len(b)) for a, b in pairs if len(a) != width), None)
    if other:
        factor = Fraction(other[1] - there, other[0] - width)
    elif kind == " " and region_kind == "\t":
        factor = Fraction(1, gcd(width, *(len(blanks) for blanks in wanted)) or _TAB_WIDTH)
    elif kind == "\t" and region_kind == " ":
        factor = Fraction(there, width) if width and there % width == 0 and there else Fraction(_TAB_WIDTH)
    else:
        factor = Fraction(1)
    offset = there - factor * width
    if factor <= 0 or any(factor * len(a) + offset != len(b) for a, b in pairs):
        return None
    return lambda blanks: region_kind * max(ceil(factor * len(blanks) + offset), 0)
