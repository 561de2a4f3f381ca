"""The examples an issue gives: calls of the repository's code, and the values it names, as they are written.

A small model makes results up when it writes a test; asked to choose among what the reporter wrote, it seldom errs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from agent.strategy.guided.issue.expected_values import (
    MOST_LETTERS,
    drop_arguments,
    drop_parts,
    expression,
    is_literal,
    is_number_of_something,
    pieces,
)

MAX_CALLS = 6
MAX_VALUES = 8


@dataclass(frozen=True)
class Example:
    """A call and a value that the issue names; `at` is how far apart they stand in it, in characters."""

    call: str
    value: str
    distance: int

    @property
    def check(self) -> str:
        """Both as a comparison."""
        return f"{self.call} == {self.value}"


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def find_examples(issue: str, known: Mapping[str, str]) -> list[Example]:
    """Pairs of a call and a value, nearest first; calls use no names but those in `known`."""
    calls: dict[str, list[int]] = {}
    values: dict[str, list[int]] = {}
    inside: list[tuple[int, int]] = []
    for at, piece in pieces(issue[:MOST_LETTERS]):
        node = expression(piece)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            node = node.left
        if isinstance(node, ast.Call) and _names(node) and _names(node) <= set(known):
            calls.setdefault(ast.unparse(node), []).append(at)
            inside.append((at, at + len(piece)))
        elif node is not None and is_literal(node) and not is_number_of_something(issue, at, piece):
            values.setdefault(ast.unparse(node), []).append(at)
    drop_arguments(values, inside)
    drop_parts(values)
    pairs = [
        Example(call, value, min(abs(a - b) for a in calls[call] for b in values[value]))
        for call in list(calls)[:MAX_CALLS]
        for value in list(values)[:MAX_VALUES]
    ]
    return sorted(pairs, key=lambda pair: (pair.distance, pair.call, pair.value))


def script_for(example: Example, known: Mapping[str, str]) -> str:
    """A script that holds the code to an example."""
    node = expression(example.call)
    names = sorted(_names(node)) if node is not None else []
    imports = "".join(f"from {known[name]} import {name}\n" for name in names)
    return f"{imports}\nresult = {example.call}\nassert result == {example.value}, result\n"
