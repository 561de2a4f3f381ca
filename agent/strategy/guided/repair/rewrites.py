"""Pieces of source that can be rewritten as a whole: functions, and files where no functions are known."""

from __future__ import annotations

import ast
import re
import textwrap
from itertools import takewhile

from agent.code.docstrings import restored
from agent.code.python_ast import parse
from agent.code.regions import Region, functions, source_lines

_DEFINITION = re.compile(r"^(?:@|class |def |async def )", re.MULTILINE)
_MAX_CUTS = 20
_FENCE = re.compile(r"```[ \t]*[\w+.-]*[^\n]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)


def fenced(reply: str) -> str:
    """The longest fenced block of a reply; the reply itself when there is none."""
    blocks = _FENCE.findall(reply)
    return max(blocks, key=len) if blocks else reply


def rewrite(source: str, region: Region, reply: str, *, imports: bool = True) -> str | None:
    """`source` with `region` replaced by what a reply rewrote it to; None when the reply holds no such thing.

    Of the reply only the function of the region's name is taken, at the region's indentation, with the docstring it
    left out, and with `imports` the Python imports that the file lacks. What has new syntax errors is no rewrite.
    """
    code = textwrap.dedent(fenced(reply.replace("\r\n", "\n"))).strip("\n")
    lines = source_lines(source)
    if not region.name:
        if "```" not in reply:  # prose is no file
            return None
        new = source_lines(code)
        return "\n".join(new) + "\n" if new else None
    python = region.path.endswith(".py")
    code = _readable(code) if python else code
    tree = parse(code) if python else None
    chosen = _named(region, code) if tree is not None or not python else None
    if chosen is None:
        return None
    if python:
        chosen = restored(chosen, region.source)
    lines[region.start - 1 : region.end] = _indented(chosen, region)
    if tree is not None and imports:
        at = _import_line(source)
        lines[at:at] = _new_imports(tree, code, source)
    changed = "\n".join(lines) + ("\n" if source.endswith("\n") else "")
    return changed if still_parses(region.path, source, changed) else None


def _readable(code: str) -> str:
    """Python without a head that was copied wrongly, and without an end that was cut off, as far as need be."""
    if parse(code) is not None or not (begins := _DEFINITION.search(code)):
        return code
    lines = source_lines(code[begins.start() :])
    ends = [number for number, line in enumerate(lines) if _DEFINITION.match(line)][1:]
    parts = ("\n".join(lines[:end]) for end in [len(lines), *ends[:-_MAX_CUTS:-1]])
    return next((part for part in parts if parse(part) is not None), code)


def _named(region: Region, code: str) -> str | None:
    """The function of a region's name in a reply's code; some languages' methods are none outside their class."""
    suffix = region.path.rpartition(".")[2]
    given = [each for each in functions(f"reply.{suffix}", code) if each.short_name == region.short_name]
    if given:
        return next((each for each in given if each.name == region.name), given[0]).source
    alone = not region.path.endswith(".py") and region.short_name in code.split("\n", maxsplit=1)[0]
    return code if alone else None


def _indented(code: str, region: Region) -> list[str]:
    old = source_lines(region.source)[0]
    indent = old[: len(old) - len(old.lstrip())]
    return [indent + line if line.strip() else "" for line in source_lines(textwrap.dedent(code))]


def still_parses(path: str, before: str, after: str) -> bool:
    """Whether a changed file has no syntax error that it had not before."""
    if path.endswith(".py"):
        return parse(after) is not None
    from agent.code.syntax import new_errors

    return not new_errors(path, before, after)


def _new_imports(tree: ast.Module, code: str, source: str) -> list[str]:
    """The reply's top-level imports that the file lacks."""
    known = {line.strip() for line in source_lines(source)}
    wanted = [
        ast.get_source_segment(code, node) or "" for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    local = re.compile(r"^from \.|^from __future__")
    return [line for line in wanted if line and line not in known and "\n" not in line and not local.match(line)]


def _import_line(source: str) -> int:
    """The 0-based line after the file's `#!` and coding lines, its docstring and `__future__` imports."""
    tree = parse(source)
    line = len(list(takewhile(re.compile(r"#!|#.*coding[:=]").match, source_lines(source)[:2])))
    for node in tree.body if tree else []:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not docstring and not future:
            break
        line = node.end_lineno or line
    return line
