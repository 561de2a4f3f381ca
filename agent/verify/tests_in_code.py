"""Tests that stand in a file of the code: whether a change touches them, beside the code that they test."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from agent.code.paths import is_test
from agent.repo.diffs import ChangedLine, read_changed_lines


def files_with_changed_tests(patch: bytes, tests: Iterable[str], read: Callable[[str], str]) -> frozenset[str]:
    """The files of the code in which a patch touches one of the `tests`, or names one in an added line.

    Tests are named as the runner names them; `read` gives the text of a path before the patch, empty where it is
    absent. Only Python's are known: a function with its decorators, or the docstring of one (a doctest).
    """
    lines = read_changed_lines(patch)
    if lines is None:
        return frozenset()
    changed = {path: list(group) for path, group in groupby(sorted(lines, key=_path), key=_path)}
    tests = list(tests)
    inside = _by_file(tests, {path for path in changed if path.endswith(".py") and not is_test(path)})
    touched = {path for path, names in inside.items() if _touches(changed[path], names, read(path))}
    # a text with tests in it, as a README with doctests, has no code
    texts = {path for path in changed if not path.endswith(".py") and any(t.startswith(f"{path}::") for t in tests)}
    return frozenset(touched | texts)


def _path(line: ChangedLine) -> str:
    return line.path


def _by_file(tests: Iterable[str], paths: set[str]) -> Mapping[str, list[list[str]]]:
    """The names of the tests in each of the files: class and function, or the object whose docstring it is."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in paths}
    found: dict[str, list[list[str]]] = {}
    for test in tests:
        path, _, inner = test.partition("[")[0].partition("::")
        if path in paths:
            module = path.removesuffix(".py").replace("/", ".")
            # a doctest has the module's name, or its end, before the object's
            names = inner.split("::") if "::" in inner or "." not in inner else _behind(inner, module)
            found.setdefault(path, []).append(names)
        for name, file in modules.items():
            if not inner and (test == name or test.startswith(f"{name}.")):
                found.setdefault(file, []).append([part for part in test[len(name) + 1 :].split(".") if part])
    return found


def _behind(name: str, module: str) -> list[str]:
    parts, own = name.split("."), module.split(".")
    while own and parts[: len(own)] != own:
        own = own[1:]
    return parts[len(own) :]


def _touches(lines: Sequence[ChangedLine], tests: Sequence[Sequence[str]], source: str) -> bool:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return True
    names = {part for test in tests for part in test}
    words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names)))})(?!\w)") if names else None
    ranges = [where for test in tests for where in _ranges(tree, test)]
    for line in lines:
        before = line.sign == "+" and line.text.lstrip().startswith("@")  # a decorator stands before the first line
        inside = any(first - before <= line.at <= last - (line.sign == "+") for first, last in ranges)
        if inside or (line.sign == "+" and words and words.search(line.text) and not _is_definition(line.text, names)):
            return True
    return False


def _is_definition(line: str, names: set[str]) -> bool:
    """Whether an added line could be no more than a function that has the name of a doctest's object."""
    return not any(name.lower().startswith("test") for name in names) and bool(re.match(r"\s*(?:async )?def ", line))


def _ranges(tree: ast.Module, test: Sequence[str]) -> list[tuple[int, int]]:
    """The first and last lines of a test's function, or of a docstring; all of a module whose docstring it is."""
    node: ast.AST = tree
    for name in test:
        inner = [
            each
            for each in ast.iter_child_nodes(node)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == name
        ]
        if not inner:
            break
        node = inner[-1]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
        return [(min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or node.lineno)]
    body = getattr(node, "body", [])
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return [(first.lineno, first.end_lineno or first.lineno)]
    return []
