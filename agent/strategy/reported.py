"""The code an issue shows, as it stands: sessions at a prompt, fenced blocks, bare lines, with what came of them.

What the reporter ran is the best check there is: a small model asked to write one makes calls and results up.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.strategy.regions import parse

FENCE = re.compile(r"^[ \t]*(?P<fence>```|~~~)[^\n]*\n(?P<block>.*?)^[ \t]*(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE)
"""A block that is set off as code."""
_MOST_BLOCKS = 8
_MOST_LINES = 200
_PARAGRAPH = re.compile(r"(?:^.*\S.*\n?)+", re.MULTILINE)
_PROMPT = re.compile(r"^\s*(?:>>> |In \[\d+\]: )", re.MULTILINE)
_IPYTHON = ((r"^(\s*)In \[\d+\]: ?", r"\1>>> "), (r"^(\s*)\.{3}: ?", r"\1... "), (r"^(\s*)Out\[\d+\]: ?", r"\1"))
_COMMENT = re.compile(r"#+[ \t]*(.*)")
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
_WORKS = ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Assert | ast.With | ast.For | ast.While | ast.Try


@dataclass(frozen=True)
class Step:
    """A statement, what the issue shows of it (output, or a comment behind it), and whether that is output."""

    source: str
    said: str = ""
    output: bool = False

    @property
    def expression(self) -> str:
        """What it evaluates: of `print(x)` that is `x`; empty for a statement that is no expression."""
        tree = parse(self.source)
        node = tree.body[0] if tree and len(tree.body) == 1 else None
        if not isinstance(node, ast.Expr) or isinstance(node.value, ast.Constant):
            return ""
        value = node.value
        called = value.func if isinstance(value, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "print" and isinstance(value, ast.Call):
            if len(value.args) != 1 or value.keywords or isinstance(value.args[0], ast.Starred):
                return ""
            value = value.args[0]
        return ast.unparse(value)


@dataclass(frozen=True)
class Reported:
    """Code that was run, one statement after the other; `start` and `end` are its place in the issue."""

    steps: tuple[Step, ...]
    start: int
    end: int
    unbound: frozenset[str] = field(default=frozenset())
    """The names it uses and does not bind."""

    @property
    def source(self) -> str:
        """All of it."""
        return "\n".join(step.source for step in self.steps)


def reported(issue: str) -> list[Reported]:
    """The pieces of Python in an issue that do something, in order.

    One that uses what an earlier one binds has that one's statements before its own.
    """
    found: list[Reported] = []
    for start, block, fenced in _blocks(issue):
        steps = _session(block) if _PROMPT.search(block) else _script(block, fenced=fenced)
        if not _calls(steps):
            continue
        unbound = _names(steps)[0]
        for before in reversed(found):
            if unbound & _names(before.steps)[1]:
                steps = before.steps + steps
                unbound = _names(steps)[0]
                break
        found.append(Reported(steps, start, start + len(block), frozenset(unbound)))
        if len(found) == _MOST_BLOCKS:
            break
    return found


def _blocks(issue: str) -> Iterator[tuple[int, str, bool]]:
    """Fenced blocks and the paragraphs between them, in order: place, text, whether it was fenced."""
    at = 0
    for match in FENCE.finditer(issue):
        yield from _paragraphs(issue, at, match.start())
        yield match.start("block"), match["block"], True
        at = match.end()
    yield from _paragraphs(issue, at, len(issue))


def _paragraphs(issue: str, start: int, end: int) -> Iterator[tuple[int, str, bool]]:
    for match in _PARAGRAPH.finditer(issue, start, end):
        yield match.start(), match[0], False


def _session(block: str) -> tuple[Step, ...]:
    """The statements at the prompts of a session, with what came after them."""
    for pattern, plain in _IPYTHON:
        block = re.sub(pattern, plain, block, flags=re.MULTILINE)
    try:
        examples = doctest.DocTestParser().get_examples(block + "\n")
    except ValueError:  # an indentation that is no session's
        return ()
    steps: list[Step] = []
    for example in examples:
        tree = parse(example.source)
        if tree is None:
            return ()
        steps.append(Step(example.source.rstrip("\n"), example.want.strip() or (example.exc_msg or ""), output=True))
    return tuple(steps)


def _script(block: str, *, fenced: bool) -> tuple[Step, ...]:
    """The statements of a block: as far as it is Python, where it was set off as code."""
    lines = textwrap.dedent(block).rstrip().split("\n")[:_MOST_LINES]
    for length in range(len(lines), 0, -1) if fenced else [len(lines)]:
        tree = parse("\n".join(lines[:length]))
        if tree is not None:
            rest = "\n".join(lines[length:]).strip()
            return _statements(tree, lines[:length], rest)
    return ()


def _statements(tree: ast.Module, lines: list[str], rest: str) -> tuple[Step, ...]:
    """With the comments behind each; `rest` is what stands after the last one, which is its output."""
    steps: list[Step] = []
    for number, node in enumerate(tree.body):
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        last = node.end_lineno or node.lineno
        following = tree.body[number + 1].lineno - 1 if number + 1 < len(tree.body) else len(lines)
        behind = lines[last - 1].encode()[node.end_col_offset or 0 :].decode(errors="replace")
        said = [match[1] for line in [behind, *lines[last:following]] if (match := _COMMENT.match(line.strip()))]
        steps.append(Step("\n".join(lines[first - 1 : last]), "\n".join(said)))
    if steps and rest:
        steps[-1] = Step(steps[-1].source, rest, output=True)
    return tuple(steps)


def _calls(steps: tuple[Step, ...]) -> bool:
    """Whether any of the statements calls something now: a definition does not, and words may look like names."""
    trees = [tree for step in steps if (tree := parse(step.source))]
    nodes = [node for tree in trees for node in tree.body if isinstance(node, _WORKS)]
    return any(isinstance(each, ast.Call) for node in nodes for each in ast.walk(node))


def _names(steps: tuple[Step, ...]) -> tuple[set[str], set[str]]:
    """The names that the statements use and do not bind, and those they bind; `import *` may bind any."""
    used: set[str] = set()
    bound: set[str] = set()
    anything = False
    for step in steps:
        tree = parse(step.source)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Name):
                (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, ast.alias):
                anything |= node.name == "*"
                bound.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, ast.ExceptHandler) and node.name:
                bound.add(node.name)
    return set() if anything else used - bound - _BUILTINS, bound
