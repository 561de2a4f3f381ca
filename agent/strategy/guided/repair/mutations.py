"""Small changes to a Python function that a program can make up: other operators, neighbouring numbers, other names.

Where a model's rewrites all fail, the mistake is often one of these. The tests say which of them pass; the model is
asked to choose among those, which it does better than to find them. After the mutation operators of program repair
(Debroy and Wong, "Using Mutation to Automatically Suggest Fixes for Faulty Programs", ICST 2010).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from agent.code.python_ast import parse
from agent.code.regions import Region

MOST = 400
_COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">", ">="),
    ast.LtE: ("<", ">=", ">"),
    ast.Gt: (">=", "<", "<="),
    ast.GtE: (">", "<=", "<"),
    ast.Eq: ("!=", "<=", ">="),
    ast.NotEq: ("==",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
_OPERATORS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: ("-", "*"),
    ast.Sub: ("+",),
    ast.Mult: ("+", "**", "/"),
    ast.Div: ("//", "*"),
    ast.FloorDiv: ("/", "%"),
    ast.Mod: ("//",),
    ast.BitAnd: ("|", "^"),
    ast.BitOr: ("&", "^"),
    ast.BitXor: ("&", "|"),
    ast.LShift: (">>",),
    ast.RShift: ("<<",),
}


@dataclass(frozen=True)
class _Change:
    """Text put in place of what stands between two places of the function, line and column; the lower cost first."""

    cost: int
    start: tuple[int, int]
    end: tuple[int, int]
    text: str


def small_changes(source: str, region: Region, most: int = MOST) -> list[str]:
    """`source` with one small change in a region, once for each; the likeliest first, at most `most` of them."""
    tree = parse(source)
    if tree is None or not region.name:
        return []
    node = next(
        (
            each
            for each in ast.walk(tree)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and region.start <= each.lineno <= region.end
            and each.name == region.short_name
        ),
        None,
    )
    if node is None:
        return []
    lines = source.split("\n")
    changes = sorted(_changes(node, source), key=lambda change: (change.cost, change.start, change.text))
    texts = dict.fromkeys(_changed(lines, change) for change in changes[: 2 * most])
    return [text for text in texts if text != source and parse(text) is not None][:most]


def _changed(lines: list[str], change: _Change) -> str:
    (first, start), (last, end) = change.start, change.end
    # columns are counted in bytes
    before = lines[first - 1].encode()[:start].decode("utf-8", "replace")
    after = lines[last - 1].encode()[end:].decode("utf-8", "replace")
    return "\n".join([*lines[: first - 1], before + change.text + after, *lines[last:]])


def _changes(function: ast.AST, source: str) -> Iterator[_Change]:
    names = _names(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            yield from _compared(node, source)
        elif isinstance(node, ast.BinOp):
            yield from _calculated(node, source)
        elif isinstance(node, ast.BoolOp):
            yield from _joined(node, source)
        elif isinstance(node, ast.Constant):
            yield from _valued(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from (_on(node, name, 3) for name in names if name != node.id)
        elif isinstance(node, ast.Call):
            yield from _called(node, source, names)
        elif isinstance(node, ast.Subscript):
            yield from _indexed(node, source)
        elif isinstance(node, ast.stmt):
            yield from _stated(node, source)


def _names(function: ast.AST) -> list[str]:
    """The variables of a function: its parameters, and what it assigns."""
    found = [each.arg for each in ast.walk(function) if isinstance(each, ast.arg)]
    found += [each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    return list(dict.fromkeys(found))


def _on(node: ast.expr | ast.stmt, text: str, cost: int) -> _Change:
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return _Change(cost, (node.lineno, node.col_offset), end, text)


def _between(left: ast.expr, right: ast.expr, text: str, cost: int) -> _Change:
    """A change of the operator that stands between two operands, with the brackets that stand there left out."""
    return _Change(
        cost,
        (left.end_lineno or left.lineno, left.end_col_offset or 0),
        (right.lineno, right.col_offset),
        f" {text} ",
    )


def _text(node: ast.AST, source: str) -> str:
    return ast.get_source_segment(source, node) or ""


def _compared(node: ast.Compare, source: str) -> Iterator[_Change]:
    operands = [node.left, *node.comparators]
    for number, operator in enumerate(node.ops):
        left, right = operands[number], operands[number + 1]
        for other in _COMPARISONS.get(type(operator), ()):
            yield _between(left, right, other, 1)
    for operand in operands:
        if not isinstance(operand, ast.Constant):
            text = _text(operand, source)
            yield from (_on(operand, f"{text} {by}", 2) for by in ("+ 1", "- 1"))


def _calculated(node: ast.BinOp, source: str) -> Iterator[_Change]:
    for other in _OPERATORS.get(type(node.op), ()):
        yield _between(node.left, node.right, other, 1)
    left, right = _text(node.left, source), _text(node.right, source)
    yield _on(node, left, 4)
    yield _on(node, right, 4)
    if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow):
        bare = isinstance(node.left, ast.Name | ast.Constant | ast.Call | ast.Subscript | ast.Attribute)
        same = isinstance(node.right, ast.Name | ast.Constant | ast.Call | ast.Subscript | ast.Attribute)
        if bare and same:
            sign = _text(node, source)[len(left) : -len(right)]
            yield _on(node, f"{right}{sign}{left}", 2)


def _joined(node: ast.BoolOp, source: str) -> Iterator[_Change]:
    other = "or" if isinstance(node.op, ast.And) else "and"
    for left, right in pairwise(node.values):
        yield _between(left, right, other, 1)
    for value in node.values:
        yield _on(node, _text(value, source), 3)


def _valued(node: ast.Constant) -> Iterator[_Change]:
    value = node.value
    if isinstance(value, bool):
        yield _on(node, str(not value), 1)
    elif isinstance(value, int | float):
        wanted = {value + 1, value - 1, 0, 1} - {value}
        yield from (_on(node, str(each) if each >= 0 else f"({each})", 1) for each in sorted(wanted))
    elif value == "":
        yield _on(node, '" "', 2)
    elif isinstance(value, str) and len(value) == 1:
        yield _on(node, '""', 2)


def _called(node: ast.Call, source: str, names: list[str]) -> Iterator[_Change]:
    arguments = [_text(each, source) for each in node.args]
    function = _text(node.func, source)
    for number, (first, second) in enumerate(pairwise(arguments)):
        swapped = [*arguments[:number], second, first, *arguments[number + 2 :]]
        yield _on(node, f"{function}({', '.join(swapped)})", 2)
    if len(arguments) == 1 and not node.keywords:
        yield _on(node, arguments[0], 2)  # without the call
    yield from (_on(node, name, 4) for name in names)
    for argument, text in zip(node.args, arguments, strict=True):
        if not isinstance(argument, ast.Constant | ast.Starred | ast.GeneratorExp):
            yield from (_on(argument, f"{text} {by}", 3) for by in ("+ 1", "- 1"))
    for other in {"min": ("max",), "max": ("min",), "any": ("all",), "all": ("any",)}.get(function, ()):
        yield _on(node.func, other, 1)


def _indexed(node: ast.Subscript, source: str) -> Iterator[_Change]:
    places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if isinstance(node.slice, ast.Slice):
        places = [each for each in (node.slice.lower, node.slice.upper) if each is not None]
        text = _text(node.value, source)
        yield _on(node, text, 4)
    for place in places:
        if not isinstance(place, ast.Constant | ast.Slice | ast.Starred):
            text = _text(place, source)
            yield from (_on(place, f"{text} {by}", 2) for by in ("+ 1", "- 1"))


def _stated(node: ast.stmt, source: str) -> Iterator[_Change]:
    if isinstance(node, ast.If | ast.While):
        test = _text(node.test, source)
        yield _on(node.test, f"not ({test})", 2)
        if isinstance(node, ast.While):
            yield _on(node.test, "True", 4)
    elif isinstance(node, ast.Return) and node.value is not None:
        text = _text(node.value, source)
        yield from (_on(node.value, f"{text} {by}", 4) for by in ("+ 1", "- 1"))
        yield _on(node.value, f"not ({text})", 4)
    elif isinstance(node, ast.AugAssign):
        yield from (
            _between(node.target, node.value, f"{other}=", 1)
            for other in ("+", "-", "*", "//")
            if not isinstance(node.op, _AUGMENTED[other])
        )
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Break | ast.Continue):
        yield _on(node, "pass", 4)


_AUGMENTED: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "//": ast.FloorDiv}
