"""Pieces of source that can be rewritten as a whole: Python functions, and whole files of other languages."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from itertools import takewhile

_FENCE = re.compile(r"```[ \t]*[\w+.-]*[^\n]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


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


def _lines(source: str) -> list[str]:
    """Lines as the parser counts them: a form feed or U+2028 ends none, as `str.splitlines` has it."""
    return source.removesuffix("\n").split("\n") if source else []


def parse(source: str) -> ast.Module | None:
    """The module, or None for what is no Python: source is data, and may be made to break a parser."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(node: ast.AST) -> frozenset[str]:
    names = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names.add(each.id)
        elif isinstance(each, ast.Attribute):
            names.add(each.attr)
    return frozenset(names)


def _first_line(node: FunctionNode) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def functions(path: str, source: str) -> list[Region]:
    """The functions and methods of a Python file, outer before inner; nested functions belong to their outer one."""
    tree = parse(source)
    if tree is None:
        return []
    lines = _lines(source)
    found: list[Region] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FunctionNode):
                start, end = _first_line(child), child.end_lineno or child.lineno
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
    return Region(path, "", 1, len(_lines(source)), source.rstrip("\n"))


def fenced(reply: str) -> str:
    """The longest fenced block of a reply; the reply itself when there is none."""
    blocks = _FENCE.findall(reply)
    return max(blocks, key=len) if blocks else reply


def rewrite(source: str, region: Region, reply: str) -> str | None:
    """`source` with `region` replaced by what a reply rewrote it to; None when the reply holds no such thing.

    Of a Python reply only the function of the region's name is taken, at the region's indentation, and imports
    the file does not have yet.
    """
    code = textwrap.dedent(fenced(reply.replace("\r\n", "\n"))).strip("\n")
    lines = _lines(source)
    if not region.name:
        if "```" not in reply:  # prose is no file
            return None
        new = _lines(code)
        return "\n".join(new) + "\n" if new else None
    tree = parse(code)
    if tree is None:
        return None
    given = [each for each in functions("", code) if each.short_name == region.short_name]
    if not given:
        return None
    chosen = next((each for each in given if each.name == region.name), given[0])
    piece = _lines(textwrap.dedent(chosen.source))
    old = _lines(region.source)[0]
    indent = old[: len(old) - len(old.lstrip())]
    piece = [indent + line if line.strip() else "" for line in piece]
    lines[region.start - 1 : region.end] = piece
    imports = _new_imports(tree, code, source)
    at = _import_line(source)
    lines[at:at] = imports
    changed = "\n".join(lines) + ("\n" if source.endswith("\n") else "")
    return changed if parse(changed) is not None else None


def _new_imports(tree: ast.Module, code: str, source: str) -> list[str]:
    """The reply's top-level imports that the file lacks."""
    known = {line.strip() for line in _lines(source)}
    wanted = [
        ast.get_source_segment(code, node) or "" for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    local = re.compile(r"^from \.|^from __future__")
    return [line for line in wanted if line and line not in known and "\n" not in line and not local.match(line)]


def _import_line(source: str) -> int:
    """The 0-based line after the file's `#!` and coding lines, its docstring and `__future__` imports."""
    tree = parse(source)
    line = len(list(takewhile(re.compile(r"#!|#.*coding[:=]").match, _lines(source)[:2])))
    for node in tree.body if tree else []:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not docstring and not future:
            break
        line = node.end_lineno or line
    return line
