"""What a repository's Python modules define at their top, and the names they are imported by."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from agent.code.paths import is_test
from agent.code.python_ast import parse

_WORD = re.compile(r"\w+")


_IMPORTABLE = re.compile(r"(?!(?:docs?|examples?|benchmarks?)\.)[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def definitions(sources: Mapping[str, str], issue: str = "") -> dict[str, str]:
    """The functions and classes at the top of the repository's Python modules: name → module to import it from.

    Of several with one name it is the one whose module the issue names, else the first.
    """
    found: dict[str, str] = {}
    words = set(_WORD.findall(issue))
    for path, text in sorted(sources.items(), key=lambda source: module_of(source[0]).rpartition(".")[2] not in words):
        importable = path.endswith(".py") and not is_test(path) and _IMPORTABLE.fullmatch(module_of(path))
        tree = parse(text) if importable else None
        for node in tree.body if tree else []:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.setdefault(node.name, module_of(path))
    return found


def module_of(path: str) -> str:
    """The name a file is imported by, from the repository's root or its `src`."""
    return path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/").replace("/", ".")
