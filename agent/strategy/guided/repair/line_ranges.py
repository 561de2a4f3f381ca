"""A few lines of a long function, to be rewritten in place of the whole: the statements round one that is suspected.

A small model copies sixty lines and forgets to change one, and on a processor it takes a minute for that.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.code.python_ast import FunctionNode, first_line, parse
from agent.code.regions import Region
from agent.strategy.guided.repair.rewrites import fenced, rewrite, still_parses

LONG = 30
"""Lines from which on a function is not asked for as a whole at first."""
_ENOUGH = 8  # lines of a block
_MOST = 16
_KEPT = 0.4  # of a block's lines, that are in a rewrite of it
_FEW = 3  # lines that may stand for one of the block
_ALIKE = 0.6
_LEAST_LETTERS = 4
_MOST_LINES = 150  # of a function, that a model may choose among


@dataclass(frozen=True)
class Block:
    """Lines `start` to `end` (1-based, inclusive) of a region's file, without their common indentation."""

    region: Region
    start: int
    end: int
    source: str


def lines_of(region: Region) -> dict[str, int]:
    """The lines of a region's body that may be wrong, each once → its number in the file; no comments."""
    body = _body_line(region)
    found: dict[str, int] = {}
    for number, line in enumerate(region.source.split("\n"), region.start):
        text = line.strip()
        if number >= body and len(text) >= _LEAST_LETTERS and not text.startswith(("#", "//", "*", "/*")):
            found.setdefault(text, number)
    return dict(list(found.items())[:_MOST_LINES])


def block_round(region: Region, line: int) -> Block:
    """The statements of a region round a line of its file; of what is no Python, the lines round it."""
    body = _body_line(region)
    line = min(max(line, body), region.end)
    first, last = _python_block(region, line) or (line - _ENOUGH // 2, line + _ENOUGH // 2)
    first, last = max(first, body), min(last, region.end)
    lines = region.source.split("\n")[first - region.start : last - region.start + 1]
    return Block(region, first, last, textwrap.dedent("\n".join(lines)))


def rewrite_block(source: str, block: Block, reply: str) -> str | None:
    """`source` with a block replaced by what a reply rewrote it to; None when the reply holds no such thing.

    A reply with the whole function is taken as that; a line alone stands for the one of the block that is most like it.
    """
    whole = rewrite(source, block.region, reply)
    if whole is not None:
        return whole
    code = textwrap.dedent(fenced(reply.replace("\r\n", "\n"))).strip("\n")
    new = _fitted(code.split("\n"), block.source.split("\n"))
    if new is None:
        return None
    lines = source.split("\n")
    old = lines[block.start - 1 : block.end]
    indent = min((line[: len(line) - len(line.lstrip())] for line in old if line.strip()), key=len, default="")
    lines[block.start - 1 : block.end] = [indent + line if line.strip() else "" for line in new]
    changed = "\n".join(lines)
    return changed if still_parses(block.region.path, source, changed) else None


def _fitted(new: list[str], old: list[str]) -> list[str] | None:
    """The lines that come in place of `old`; None where `new` has too little to do with them."""
    before = [line.strip() for line in old if line.strip()]
    after = {line.strip() for line in new}
    kept = sum(line in after for line in before)
    if kept >= _KEPT * len(before) and kept:
        return new
    if len(new) > _FEW:
        return None
    alike = [SequenceMatcher(None, line.strip(), new[-1].strip()).ratio() for line in old]
    best = max(range(len(old)), key=alike.__getitem__)
    if alike[best] < _ALIKE:
        return None
    indent = old[best][: len(old[best]) - len(old[best].lstrip())]
    return [*old[:best], *(indent + line for line in textwrap.dedent("\n".join(new)).split("\n")), *old[best + 1 :]]


def _body_line(region: Region) -> int:
    """The line of the file where the body begins, behind a docstring; of what is no Python the second line."""
    function = _function(region)
    if function is None:
        return region.start + 1
    first, *rest = function.body
    return region.start + first_line(rest[0] if rest and _is_text(first) else first) - 1


def _function(region: Region) -> FunctionNode | None:
    tree = parse(textwrap.dedent(region.source)) if region.path.endswith(".py") else None
    node = tree.body[0] if tree and tree.body else None
    return node if isinstance(node, FunctionNode) else None


def _python_block(region: Region, line: int) -> tuple[int, int] | None:
    """First and last line of a block round a line; None where the region is no Python function, or the line no code."""
    function = _function(region)
    at = line - region.start + 1
    window: tuple[int, int] | None = None
    for body, place in reversed(_path(function, at) if function else []):
        statement = body[place]
        if _end(statement) - first_line(statement) >= _MOST:
            window = window or _head(statement, at)
            break
        low, high = _grown(body, place)
        window = first_line(body[low]), _end(body[high])
        if window[1] - window[0] + 1 >= _ENOUGH:
            break
    return (region.start + window[0] - 1, region.start + window[1] - 1) if window else None


def _head(statement: ast.stmt, at: int) -> tuple[int, int]:
    """The first line of a long statement, and as much of its body as fits."""
    start = first_line(statement)
    inside = [_end(each) for each in next(_bodies(statement), []) if _end(each) - start < _MOST]
    return start, max([at, *inside])


def _grown(body: list[ast.stmt], place: int) -> tuple[int, int]:
    """The first and last statement of a body round one: enough lines of it, as far as they are not too many."""
    low = high = place

    def size(first: int, last: int) -> int:
        return _end(body[last]) - first_line(body[first]) + 1

    grows = True
    while grows and size(low, high) < _ENOUGH:
        grows = False
        if low > 0 and size(low - 1, high) <= _MOST and not _is_text(body[low - 1]):
            low, grows = low - 1, True
        if high + 1 < len(body) and size(low, high + 1) <= _MOST and size(low, high) < _ENOUGH:
            high, grows = high + 1, True
    return low, high


def _path(node: ast.stmt, line: int) -> list[tuple[list[ast.stmt], int]]:
    """The bodies a line is in, outermost first, each with the place of the statement that holds it."""
    for body in _bodies(node):
        for place, statement in enumerate(body):
            if first_line(statement) <= line <= _end(statement):
                return [(body, place), *_path(statement, line)]
    return []


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, ast.ExceptHandler | ast.match_case):
                    yield from _bodies(each)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring, or nothing more than one."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
