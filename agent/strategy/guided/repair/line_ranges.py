"""A few lines of a long function, to be rewritten in place of the whole: the statements round one that is suspected.

A small model copies sixty lines and forgets to change one, and on a processor it takes a minute for that.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.code.python_ast import FunctionNode, parse
from agent.code.regions import Region
from agent.code.statements import body_start, statements_around
from agent.strategy.guided.repair.rewrites import fenced, rewrite, still_parses

LONG_FUNCTION = 30
"""Lines from which on a function is not asked for as a whole at first."""
_REACH = 4
"""Lines before and behind the one that is suspected."""
_MAX_LINES = 16
"""Of a range that is widened to whole statements. Ranges of 8 to 16 lines were measured: docs/decisions/0010."""
_MIN_KEPT = 0.4
"""The share of a range's lines that a rewrite of it must hold to be taken as that. Chosen, not measured."""
_MAX_LONE_LINES = 3
"""Lines of a reply that may stand for one of the range."""
_MIN_ALIKE = 0.6
"""How like that line they must be, from 0 to 1, by `difflib`. Chosen, not measured."""
_MIN_CHARACTERS = 4  # of a line that may be wrong
_MAX_CHOICES = 150  # lines of a function, that a model may choose among


@dataclass(frozen=True)
class LineRange:
    """Lines `start` to `end` (1-based, inclusive) of a region's file, without their common indentation."""

    region: Region
    start: int
    end: int
    source: str


def choosable_lines(region: Region) -> dict[str, int]:
    """The lines of a region's body that may be wrong, each once → its number in the file; no comments."""
    body = _body_line(region)
    found: dict[str, int] = {}
    for number, line in enumerate(region.source.split("\n"), region.start):
        text = line.strip()
        if number >= body and len(text) >= _MIN_CHARACTERS and not text.startswith(("#", "//", "*", "/*")):
            found.setdefault(text, number)
    return dict(list(found.items())[:_MAX_CHOICES])


def range_around(region: Region, line: int) -> LineRange:
    """The statements of a region round a line of its file; of what is no Python, the lines round it."""
    body = _body_line(region)
    line = min(max(line, body), region.end)
    first, last = max(line - _REACH, body), min(line + _REACH, region.end)
    offset = region.start - 1
    if (function := _function(region)) is not None:
        start, end = statements_around(function, line - offset, _REACH, _MAX_LINES) or (first - offset, last - offset)
        first, last = max(start + offset, body), end + offset
    lines = region.source.split("\n")[first - region.start : last - region.start + 1]
    return LineRange(region, first, last, textwrap.dedent("\n".join(lines)))


def rewrite_range(source: str, lines: LineRange, reply: str) -> str | None:
    """`source` with a range replaced by what a reply rewrote it to; None when the reply holds no such thing.

    A reply with the whole function is taken as that; a line alone stands for the one of the range that is most like it.
    """
    whole = rewrite(source, lines.region, reply)
    if whole is not None:
        return whole
    code = textwrap.dedent(fenced(reply.replace("\r\n", "\n"))).strip("\n")
    new = _fitted(code.split("\n"), lines.source.split("\n"))
    if new is None:
        return None
    every = source.split("\n")
    old = every[lines.start - 1 : lines.end]
    indent = min((line[: len(line) - len(line.lstrip())] for line in old if line.strip()), key=len, default="")
    every[lines.start - 1 : lines.end] = [indent + line if line.strip() else "" for line in new]
    changed = "\n".join(every)
    return changed if still_parses(lines.region.path, source, changed) else None


def _fitted(new: list[str], old: list[str]) -> list[str] | None:
    """The lines that come in place of `old`; None where `new` has too little to do with them."""
    before = [line.strip() for line in old if line.strip()]
    after = {line.strip() for line in new}
    kept = sum(line in after for line in before)
    if kept >= _MIN_KEPT * len(before) and kept:
        return new
    if len(new) > _MAX_LONE_LINES:
        return None
    alike = [SequenceMatcher(None, line.strip(), new[-1].strip()).ratio() for line in old]
    best = max(range(len(old)), key=alike.__getitem__)
    if alike[best] < _MIN_ALIKE:
        return None
    indent = old[best][: len(old[best]) - len(old[best].lstrip())]
    return [*old[:best], *(indent + line for line in textwrap.dedent("\n".join(new)).split("\n")), *old[best + 1 :]]


def _body_line(region: Region) -> int:
    """The line of the file where the body begins, behind a docstring; of what is no Python the second line."""
    function = _function(region)
    return region.start + (1 if function is None else body_start(function) - 1)


def _function(region: Region) -> FunctionNode | None:
    tree = parse(textwrap.dedent(region.source)) if region.path.endswith(".py") else None
    node = tree.body[0] if tree and tree.body else None
    return node if isinstance(node, FunctionNode) else None
