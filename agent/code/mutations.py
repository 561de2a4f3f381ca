"""Mechanical changes to a Python function: other operators, neighbouring numbers, other names.

Where a model's rewrites all fail, the mistake is often one of these. The tests say which of them pass; the model is
asked to choose among those, which it does better than to find them. After the mutation operators of program repair
(Debroy and Wong, "Using Mutation to Automatically Suggest Fixes for Faulty Programs", ICST 2010).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from agent.code.python_ast import FunctionNode, parse
from agent.code.regions import Region

MAX_MUTATIONS = 400
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
_ASSIGNMENTS: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "//": ast.FloorDiv}
_OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_OPERAND = ast.Name | ast.Constant | ast.Call | ast.Subscript | ast.Attribute
"""What can change sides with another without brackets."""


@dataclass(frozen=True)
class _Edit:
    """Text put in place of what stands between two places of the file (line, column in bytes).

    Those of a low cost are tried first: 1 for another operator or number, up to 4 for what is left out or renamed.
    """

    cost: int
    start: tuple[int, int]
    end: tuple[int, int]
    text: str

    def apply(self, lines: list[str]) -> str:
        """The file with the edit made."""
        (first, start), (last, end) = self.start, self.end
        before = lines[first - 1].encode()[:start].decode("utf-8", "replace")
        after = lines[last - 1].encode()[end:].decode("utf-8", "replace")
        return "\n".join([*lines[: first - 1], before + self.text + after, *lines[last:]])


def mutations(source: str, region: Region, limit: int = MAX_MUTATIONS) -> list[str]:
    """`source` with one mechanical change in a region, once for each; the likeliest first, at most `limit` of them."""
    tree = parse(source)
    nodes = (each for each in ast.walk(tree) if isinstance(each, FunctionNode)) if tree and region.name else iter(())
    function = next(
        (each for each in nodes if region.start <= each.lineno <= region.end and each.name == region.short_name), None
    )
    if function is None:
        return []
    lines = source.split("\n")
    edits = sorted(_edits(function, source), key=lambda edit: (edit.cost, edit.start, edit.text))
    texts = dict.fromkeys(edit.apply(lines) for edit in edits[: 2 * limit])
    return [text for text in texts if text != source and parse(text) is not None][:limit]


def _edits(function: FunctionNode, source: str) -> Iterator[_Edit]:
    names = _variables(function)
    for node in ast.walk(function):
        match node:
            case ast.Compare():
                yield from _of_comparison(node, source)
            case ast.BinOp():
                yield from _of_arithmetic(node, source)
            case ast.BoolOp():
                yield from _of_condition(node, source)
            case ast.Constant():
                yield from _of_constant(node)
            case ast.Name(ctx=ast.Load()):
                yield from (_replace(node, name, 3) for name in names if name != node.id)
            case ast.Call():
                yield from _of_call(node, source, names)
            case ast.Subscript():
                yield from _of_subscript(node, source)
            case ast.stmt():
                yield from _of_statement(node, source)


def _variables(function: FunctionNode) -> list[str]:
    """The variables of a function: its parameters, and what it assigns."""
    found = [each.arg for each in ast.walk(function) if isinstance(each, ast.arg)]
    found += [each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    return list(dict.fromkeys(found))


def _replace(node: ast.expr | ast.stmt, text: str, cost: int) -> _Edit:
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return _Edit(cost, (node.lineno, node.col_offset), end, text)


def _replace_between(left: ast.expr, right: ast.expr, text: str, cost: int) -> _Edit:
    """A change of the operator that stands between two operands, with the brackets that stand there left out."""
    start = (left.end_lineno or left.lineno, left.end_col_offset or 0)
    return _Edit(cost, start, (right.lineno, right.col_offset), f" {text} ")


def _neighbours(node: ast.expr, source: str, cost: int) -> Iterator[_Edit]:
    """One more and one less than an expression."""
    text = _text(node, source)
    yield from (_replace(node, f"{text} {change}", cost) for change in ("+ 1", "- 1"))


def _text(node: ast.AST, source: str) -> str:
    return ast.get_source_segment(source, node) or ""


def _of_comparison(node: ast.Compare, source: str) -> Iterator[_Edit]:
    operands = [node.left, *node.comparators]
    for (left, right), operator in zip(pairwise(operands), node.ops, strict=True):
        yield from (_replace_between(left, right, other, 1) for other in _COMPARISONS.get(type(operator), ()))
    for operand in operands:
        if not isinstance(operand, ast.Constant):
            yield from _neighbours(operand, source, 2)


def _of_arithmetic(node: ast.BinOp, source: str) -> Iterator[_Edit]:
    yield from (_replace_between(node.left, node.right, other, 1) for other in _OPERATORS.get(type(node.op), ()))
    left, right = _text(node.left, source), _text(node.right, source)
    yield _replace(node, left, 4)
    yield _replace(node, right, 4)
    asymmetric = isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow)
    if asymmetric and isinstance(node.left, _OPERAND) and isinstance(node.right, _OPERAND):
        sign = _text(node, source)[len(left) : -len(right)]
        yield _replace(node, f"{right}{sign}{left}", 2)


def _of_condition(node: ast.BoolOp, source: str) -> Iterator[_Edit]:
    other = "or" if isinstance(node.op, ast.And) else "and"
    yield from (_replace_between(left, right, other, 1) for left, right in pairwise(node.values))
    yield from (_replace(node, _text(value, source), 3) for value in node.values)


def _of_constant(node: ast.Constant) -> Iterator[_Edit]:
    value = node.value
    if isinstance(value, bool):
        yield _replace(node, str(not value), 1)
    elif isinstance(value, int | float):
        wanted = {value + 1, value - 1, 0, 1} - {value}
        yield from (_replace(node, str(each) if each >= 0 else f"({each})", 1) for each in sorted(wanted))
    elif value == "":
        yield _replace(node, '" "', 2)
    elif isinstance(value, str) and len(value) == 1:
        yield _replace(node, '""', 2)


def _of_call(node: ast.Call, source: str, names: list[str]) -> Iterator[_Edit]:
    arguments, function = [_text(each, source) for each in node.args], _text(node.func, source)
    for number, (first, second) in enumerate(pairwise(arguments)):
        swapped = [*arguments[:number], second, first, *arguments[number + 2 :]]
        yield _replace(node, f"{function}({', '.join(swapped)})", 2)
    if len(arguments) == 1 and not node.keywords:
        yield _replace(node, arguments[0], 2)  # without the call
    yield from (_replace(node, name, 4) for name in names)
    for argument in node.args:
        if not isinstance(argument, ast.Constant | ast.Starred | ast.GeneratorExp):
            yield from _neighbours(argument, source, 3)
    if function in _OPPOSITES:
        yield _replace(node.func, _OPPOSITES[function], 1)


def _of_subscript(node: ast.Subscript, source: str) -> Iterator[_Edit]:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if isinstance(node.slice, ast.Slice):
        parts = [each for each in (node.slice.lower, node.slice.upper) if each is not None]
        yield _replace(node, _text(node.value, source), 4)
    for part in parts:
        if not isinstance(part, ast.Constant | ast.Slice | ast.Starred):
            yield from _neighbours(part, source, 2)


def _of_statement(node: ast.stmt, source: str) -> Iterator[_Edit]:
    match node:
        case ast.If() | ast.While():
            yield _replace(node.test, f"not ({_text(node.test, source)})", 2)
            if isinstance(node, ast.While):
                yield _replace(node.test, "True", 4)
        case ast.Return(value=ast.expr() as value):
            yield from _neighbours(value, source, 4)
            yield _replace(value, f"not ({_text(value, source)})", 4)
        case ast.AugAssign():
            for sign, operator in _ASSIGNMENTS.items():
                if not isinstance(node.op, operator):
                    yield _replace_between(node.target, node.value, f"{sign}=", 1)
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Break | ast.Continue):
        yield _replace(node, "pass", 4)
