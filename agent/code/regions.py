"""Functions and whole files as regions that can be shown and rewritten."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from agent.code.python_ast import FunctionNode, first_line, parse


@dataclass(frozen=True)
class Region:
    """Lines `start` to `end` (1-based, inclusive) of a file; `name` is dotted for a method, empty for a file."""

    path: str
    name: str
    start: int
    end: int
    source: str
    calls: frozenset[str] = frozenset()

    @property
    def short_name(self) -> str:
        """The function's own name."""
        return self.name.rpartition(".")[2]

    @property
    def title(self) -> str:
        """How people name it."""
        return f"{self.name} in {self.path}" if self.name else self.path


def source_lines(source: str) -> list[str]:
    """Lines as the parser counts them: a form feed or U+2028 ends none, as `str.splitlines` has it."""
    return source.removesuffix("\n").split("\n") if source else []


def _called(node: ast.AST) -> frozenset[str]:
    names = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names.add(each.id)
        elif isinstance(each, ast.Attribute):
            names.add(each.attr)
    return frozenset(names)


def functions(path: str, source: str) -> list[Region]:
    """The functions and methods of a file, in order; nested functions belong to their outer one.

    Python is read by its own parser, other languages by their grammars; none are found where neither knows the file.
    """
    return _python_functions(path, source) if path.endswith(".py") else _other_functions(path, source)


def _other_functions(path: str, source: str) -> list[Region]:
    from agent.code.structure import structure

    read = structure(path, source.encode())
    lines = source_lines(source)
    found: list[Region] = []
    for each in read.definitions:
        if each.is_function and not (found and each.end <= found[-1].end):
            within = (name for name, places in read.references.items() if _any_within(places, each.start, each.end))
            body = "\n".join(lines[each.start - 1 : each.end])
            found.append(Region(path, each.name, each.start, each.end, body, frozenset(within)))
    return found


def _any_within(places: Sequence[int], start: int, end: int) -> bool:
    return any(start <= line <= end for line in places)


def _python_functions(path: str, source: str) -> list[Region]:
    tree = parse(source)
    if tree is None:
        return []
    lines = source_lines(source)
    found: list[Region] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FunctionNode):
                start, end = first_line(child), child.end_lineno or child.lineno
                body = "\n".join(lines[start - 1 : end])
                found.append(Region(path, f"{prefix}{child.name}", start, end, body, _called(child)))
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.If | ast.Try | ast.With):
                visit(child, prefix)

    visit(tree, "")
    return found


def whole_file(path: str, source: str) -> Region:
    """A file as one region."""
    return Region(path, "", 1, len(source_lines(source)), source.rstrip("\n"))
