"""Python as its own parser reads it."""

from __future__ import annotations

import ast
from typing import Literal

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def parse(source: str) -> ast.Module | None:
    """The module, or None for what is no Python: source is data, and may be made to break a parser."""
    tree = _read(source, "exec")
    return tree if isinstance(tree, ast.Module) else None


def parse_expression(text: str) -> ast.expr | None:
    """A text as one expression; None for what is none."""
    tree = _read(text.strip(), "eval")
    return tree.body if isinstance(tree, ast.Expression) else None


def _read(source: str, mode: Literal["exec", "eval"]) -> ast.mod | None:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def first_line(node: ast.stmt) -> int:
    """The line a statement begins at, with its decorators, from 1."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def is_literal(node: ast.AST) -> bool:
    """Whether a node is a plain value: numbers, texts, None, and collections of them."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def written_literal(text: str) -> str:
    """A literal as `ast.unparse` writes it, so that two can be compared; empty for what is none."""
    node = parse_expression(text)
    return ast.unparse(node) if node is not None and is_literal(node) else ""
