"""Whole statements of a Python function round a line."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.code.python_ast import FunctionNode, first_line


def body_start(function: FunctionNode) -> int:
    """The line where the body of a function begins, behind its docstring."""
    first, *rest = function.body
    return first_line(rest[0] if rest and is_text(first) else first)


def statements_around(function: FunctionNode, line: int, reach: int, limit: int) -> tuple[int, int] | None:
    """First and last line of the whole statements beside each other that stand round a line.

    They reach `reach` lines before and behind it, have at least twice as many lines where that can be had, and at
    most `limit`; of a statement that is longer it is the head. None where the line is in no statement.
    """
    first, last = line - reach, line + reach
    best: tuple[int, int] | None = None
    for body in reversed(list(_bodies_around(function, line))):
        near = [each for each in body if first_line(each) <= last and _end(each) >= first]
        at = next(index for index, each in enumerate(near) if first_line(each) <= line <= _end(each))
        while len(near) > 1:
            farther_first = at > len(near) - 1 - at
            fewer = near[1:] if farther_first else near[:-1]
            if _size(near) <= limit and _size(fewer) < 2 * reach:
                break
            near, at = fewer, at - farther_first
        if _size(near) > limit:
            return best or _head(near[0], line, limit)
        best = first_line(near[0]), _end(near[-1])
        if _size(near) >= 2 * reach:
            break
    return best


def _size(statements: list[ast.stmt]) -> int:
    """The lines of statements beside each other."""
    return _end(statements[-1]) - first_line(statements[0]) + 1


def _head(statement: ast.stmt, line: int, limit: int) -> tuple[int, int]:
    """The first line of a long statement, and as much of its body as fits, `line` in any case."""
    start = first_line(statement)
    inside = [_end(each) for each in next(_bodies(statement), []) if _end(each) - start < limit]
    return start, max([line, *inside])


def _bodies_around(node: ast.stmt, line: int) -> Iterator[list[ast.stmt]]:
    """The bodies that have a line in one of their statements, the outermost first; without a docstring."""
    for body in _bodies(node):
        statements = [each for each in body if not is_text(each)]
        for statement in statements:
            if first_line(statement) <= line <= _end(statement):
                yield statements
                yield from _bodies_around(statement, line)
                return


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, ast.ExceptHandler | ast.match_case):
                    yield from _bodies(each)


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring, or nothing more than one."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
