"""What an issue says in its running text: everything but its code and what it shows of a run."""

from __future__ import annotations

import re
from collections.abc import Collection

from agent.code.code_blocks import FENCE, CodeBlock, Step, unbound_names
from agent.code.literals import MAX_CHARACTERS, closing
from agent.code.python_ast import parse_expression, written_literal
from agent.code.tracebacks import without_tracebacks

_MAX_CALLS = 6
_CALL = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*\(")
_METHOD = re.compile(r"\.\w+\(")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def prose_of(issue: str, blocks: Collection[CodeBlock]) -> str:
    """The issue with blanks for its code and tracebacks, everything else in its place; a fenced value is no code."""
    spans = [(each.start, each.end) for each in blocks]
    spans += [match.span("block") for match in FENCE.finditer(issue) if not written_literal(match["block"])]
    for start, end in spans:
        issue = issue[:start] + re.sub(r"\S", " ", issue[start:end]) + issue[end:]
    return without_tracebacks(issue)


def code_spans(prose: str) -> list[str]:
    """What stands between single backticks."""
    return list(dict.fromkeys(_SPAN.findall(prose)))


def prose_calls(prose: str, own: Collection[str]) -> list[CodeBlock]:
    """The outermost calls in running text that use a name in `own`, each as code of one statement."""
    found: dict[str, CodeBlock] = {}
    at = 0
    while len(found) < _MAX_CALLS and (match := _CALL.search(prose, at, MAX_CHARACTERS)):
        at = closing(prose, match.end() - 1)
        while more := _METHOD.match(prose, at):  # `Box(2).area()`
            at = closing(prose, more.end() - 1)
        source = prose[match.start() : at]
        steps = (Step(source),)
        unbound = unbound_names(steps) if parse_expression(source) is not None else set()
        if unbound and unbound <= set(own):
            found.setdefault(source, CodeBlock(steps, match.start(), at, runs=True, unbound=frozenset(unbound)))
    return list(found.values())
