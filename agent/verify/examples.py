"""How many examples a test holds: its assertions, and those of the functions of its file that it calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable


def count_examples(names: Iterable[str], read: Callable[[str], str]) -> int:
    """The assertions of some Python tests, each counted once. `read` gives the text of a path, empty if it is absent.

    A test whose source can't be found counts as one example, as does each set of parameters.
    """
    total = 0
    counted: dict[str, int] = {}
    for name in names:
        test = name.partition("[")[0]
        known = test in counted
        if not known:
            counted[test] = _assertions_of(test, read)
        total += 1 if known else max(counted[test], 1)
    return total


def _assertions_of(test: str, read: Callable[[str], str]) -> int:
    path, _, inner = test.partition("::")
    if inner:
        names = inner.split("::")
    else:  # unittest's form: as many of the parts as there is a file for, then the class and the method
        path, names = _module_of(test, read)
    try:
        tree = ast.parse(read(path))
    except (SyntaxError, ValueError, RecursionError):
        return 0
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    seen: set[str] = set()
    waiting = names[-1:] if names else [name for name in functions if name.startswith("test")]
    total = 0
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in ast.walk(functions[name]):
            total += isinstance(node, ast.Assert)
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                total += bool(re.match(r"assert", called)) and called not in functions
                waiting.append(called)
    return total


def _module_of(test: str, read: Callable[[str], str]) -> tuple[str, list[str]]:
    parts = test.split(".")
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end]) + ".py"
        if read(path):
            return path, parts[end:]
    return "", []
