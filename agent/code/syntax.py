"""Syntax errors of a file, compared before and after an edit: only the new ones are worth reporting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.code.languages import language_of, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_ERRORS = 20
_MAX_LINE = 120  # characters


@dataclass(frozen=True)
class SyntaxProblem:
    """One syntax error: its line (1-based), that line's text without indentation, and what is wrong."""

    line: int
    text: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}: {self.text}"


def syntax_errors(path: str, text: str) -> list[SyntaxProblem]:
    """The syntax errors of a text in the order of lines, at most 20; none if the language is unknown.

    A grammar may not know all of its language, so report only errors that an edit brought in (`new_errors`).
    """
    data = text.encode("utf-8", "replace")
    language = language_of(path, data)
    compiler_errors: list[SyntaxProblem] = []
    if language == "python" and not path.endswith(".pyi"):
        compiler_errors = _python_errors(text)
        if not compiler_errors:
            return []
    tree = parse(language, data) if language else None
    if tree is None or not tree.root_node.has_error:
        return compiler_errors
    lines = text.split("\n")
    return [_problem(node, lines) for node in _error_nodes(tree.root_node)] or compiler_errors


def new_errors(path: str, before: str, after: str) -> list[SyntaxProblem]:
    """The syntax errors of `after` that `before` does not have; lines may have moved."""
    errors = syntax_errors(path, after)
    known = [(error.text, error.message) for error in syntax_errors(path, before)] if errors else []
    new = []
    for error in errors:
        if (error.text, error.message) in known:
            known.remove((error.text, error.message))
        else:
            new.append(error)
    return new


def _error_nodes(root: Node) -> list[Node]:
    """The tree's error nodes and missing nodes; none within another."""
    found: list[Node] = []
    cursor = root.walk()
    descend = True
    while len(found) < _MAX_ERRORS:
        node = cursor.node
        if node is None:
            break
        if descend and (node.is_missing or node.is_error):
            found.append(node)
        elif descend and node.has_error and cursor.goto_first_child():
            continue
        if cursor.goto_next_sibling():
            descend = True
        elif cursor.goto_parent():
            descend = False
        else:
            break
    return found


def _problem(node: Node, lines: list[str]) -> SyntaxProblem:
    row = node.start_point[0]
    if node.is_missing:
        message = f"missing {node.type.replace('_', ' ')}"
        while row and not _line(lines, row):  # up to the text before the gap
            row -= 1
        return SyntaxProblem(row + 1, _line(lines, row), message)
    opened = next((child.type for child in node.children[:50] if child.type in {"(", "[", "{", '"', "'"}), "")
    return SyntaxProblem(row + 1, _line(lines, row), f"not closed: {opened}" if opened else "invalid syntax")


def _line(lines: list[str], row: int) -> str:
    return lines[row].strip()[:_MAX_LINE] if row < len(lines) else ""


def _python_errors(text: str) -> list[SyntaxProblem]:
    """The first error that Python's own compiler finds. Its symbol table is the cheapest stage after all syntax."""
    import symtable
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable.symtable(text, "text", "exec")
    except SyntaxError as error:
        line = error.lineno or 1
        return [SyntaxProblem(line, _line(text.split("\n"), line - 1), error.msg)]
    except (ValueError, RecursionError, MemoryError):
        return []
    return []
