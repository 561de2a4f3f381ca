"""The code an issue shows, as it stands: sessions at a prompt, fenced blocks, bare lines, with what came of them.

What the reporter ran is the best check there is: a small model asked to write one makes calls and results up.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import re
import symtable
import textwrap
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from agent.code.python_ast import first_line, parse
from agent.strategy.guided.issue.expected_values import MOST_LETTERS

FENCE = re.compile(
    r"^[ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)\n"
    r"(?P<block>.*?)(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
"""A block that is set off as code; one that is not closed goes on to the end."""
_MOST_BLOCKS = 8
_MOST_LINES = 400
_OTHER_LANGUAGE = re.compile(
    r"^\s*\{?\.?(?:diff|patch|json|ya?ml|toml|ini|sql|js|jsx|javascript|tsx?|typescript|c|cpp|c\+\+|java|go|rust|html|xml|css"
    r"|sh|bash|zsh|shell|powershell|cmd|dockerfile|make|r|ruby|php|rst|md|markdown)\b",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"(?:^.*\S.*\n?)+", re.MULTILINE)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|In \[\d+\]:)", re.MULTILINE)
_PLAIN = (  # what other prompts look like, and what doctest reads
    (r"^[ \t]*>>>(?=\S)", ">>> "),
    (r"^[ \t]*In \[\d+\]:[ ]?", ">>> "),
    (r"^[ \t]*\.{3}:[ ]?", "... "),
    (r"^[ \t]*Out\[\d+\]:[ ]?", ""),
)
_MAGIC = re.compile(r"^[ \t]*(?:>>> |\.\.\. )?[%!].*\n?", re.MULTILINE)
_COMMENT = re.compile(r"#+[ \t]*(.*)")
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
_DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Step:
    """A statement, what the issue shows of it (output, or a comment behind it), and whether that is output."""

    source: str
    said: str = ""
    output: bool = False

    @property
    def prints(self) -> bool:
        """Whether it is a `print` of one thing."""
        return self._called("print")

    @property
    def expression(self) -> str:
        """What it evaluates: of `print(x)` that is `x`; empty for what is no expression, or has nothing to evaluate."""
        node = self._node()
        if self.prints and isinstance(node, ast.Call):
            node = node.args[0]
        if node is None or not any(isinstance(each, ast.Name) for each in ast.walk(node)):
            return ""
        try:
            return ast.unparse(node)
        except RecursionError:
            return ""

    def _node(self) -> ast.expr | None:
        tree = parse(self.source)
        node = tree.body[0] if tree and len(tree.body) == 1 else None
        return node.value if isinstance(node, ast.Expr) else None

    def _called(self, name: str) -> bool:
        node = self._node()
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == name
            and len(node.args) == 1
            and not (node.keywords or isinstance(node.args[0], ast.Starred))
        )

    @property
    def failed(self) -> bool:
        """Whether the issue shows that it raised an error."""
        return self.output and bool(re.match(r"Traceback \(most|(?:\w+\.)*\w*(?:Error|Exception)\b", self.said))


@dataclass(frozen=True)
class Reported:
    """Code, one statement after the other; `start` and `end` are its place in the issue.

    `runs`: it does something, and does not only define or import what later code uses.
    """

    steps: tuple[Step, ...]
    start: int
    end: int
    runs: bool
    unbound: frozenset[str] = frozenset()
    """The names it uses and does not bind."""

    @property
    def source(self) -> str:
        """All of it."""
        return "\n".join(step.source for step in self.steps)


def reported(issue: str, own: Collection[str] = ()) -> list[Reported]:
    """The pieces of Python in an issue, in order; those that use what earlier ones bind have their statements first.

    `issue` has its lines end in LF, and is read up to `MOST_LETTERS`. `own` are the names that the repository defines:
    an earlier piece that defines one of them quotes it.
    """
    found: list[Reported] = []
    for start, block, fenced in _blocks(issue[:MOST_LETTERS]):
        steps = _session(block) if _PROMPT.search(block) else _script(block, fenced=fenced)
        runs = _does_something(steps, fenced=fenced)
        if not runs and not (_bound(steps) and (fenced or _only_defines(steps))):
            continue
        steps = _after_others(steps, [each.steps for each in found], own)
        found.append(Reported(steps, start, start + len(block), runs, frozenset(_unbound(steps))))
        if len(found) == _MOST_BLOCKS:
            break
    return found


def _after_others(steps: tuple[Step, ...], earlier: list[tuple[Step, ...]], own: Collection[str]) -> tuple[Step, ...]:
    """Statements, with those before them whose names they use; what failed there is left out."""
    for other in reversed(earlier):
        new = tuple(step for step in other if step not in steps and not step.failed)
        if _unbound(steps) & (_bound(new) - set(own)):
            steps = new + steps
    return steps


def _blocks(issue: str) -> Iterator[tuple[int, str, bool]]:
    """Fenced blocks and the paragraphs between them, in order: place, text, whether it was fenced."""
    at = 0
    for match in FENCE.finditer(issue):
        yield from _paragraphs(issue, at, match.start())
        if not _OTHER_LANGUAGE.match(match["info"]):
            yield match.start("block"), match["block"], True
        at = match.end()
    yield from _paragraphs(issue, at, len(issue))


def _paragraphs(issue: str, start: int, end: int) -> Iterator[tuple[int, str, bool]]:
    for match in _PARAGRAPH.finditer(issue, start, end):
        yield match.start(), match[0], False


def _session(block: str) -> tuple[Step, ...]:
    """The statements at the prompts of a session, with what came after them."""
    for pattern, plain in _PLAIN:
        block = re.sub(pattern, plain, block, flags=re.MULTILINE)
    try:
        examples = doctest.DocTestParser().get_examples(_MAGIC.sub("", textwrap.dedent(block)) + "\n")
    except ValueError:  # an indentation that is no session's
        return ()
    steps: list[Step] = []
    for example in examples:
        source, said = _whole(example.source, example.want)
        tree = parse(source)
        if tree is not None:
            lines = source.rstrip("\n").split("\n")
            made = _statements(tree, lines, "")
            steps += [*made[:-1], replace(made[-1], said=said, output=True) if said else made[-1]] if made else []
    return tuple(steps)


def _whole(source: str, said: str) -> tuple[str, str]:
    """A statement whose further lines stand there without a prompt, and what is left of its output."""
    lines = said.split("\n")
    for taken in range(min(len(lines), 20)):
        longer = source + "\n".join([*lines[:taken], ""] if taken else [])
        if parse(longer) is not None:
            return longer, "\n".join(lines[taken:]).strip()
    return source, said.strip()


def _script(block: str, *, fenced: bool) -> tuple[Step, ...]:
    """The statements of a block: as far as it is Python, where it was set off as code."""
    lines = _MAGIC.sub("\n", textwrap.dedent(block)).rstrip().split("\n")[:_MOST_LINES]
    for length in range(len(lines), 0, -1) if fenced else [len(lines)]:
        tree = parse("\n".join(lines[:length]))
        if tree is not None:
            rest = "\n".join(lines[length:]).strip()
            return _statements(tree, lines[:length], rest)
    return ()


def _statements(tree: ast.Module, lines: list[str], rest: str) -> tuple[Step, ...]:
    """With what stands behind each: comments, or a bare value, which is its output as `rest` is the last one's."""
    text = "\n".join(lines)
    steps: list[Step] = []
    for number, node in enumerate(tree.body):
        first, last = first_line(node), node.end_lineno or node.lineno
        decorated = first < node.lineno
        source = "\n".join(lines[first - 1 : last]) if decorated else ast.get_source_segment(text, node) or ""
        if steps and isinstance(node, ast.Expr) and _is_value(node.value):
            steps[-1] = replace(steps[-1], said=source, output=True)
            continue
        following = tree.body[number + 1].lineno - 1 if number + 1 < len(tree.body) else len(lines)
        behind = lines[last - 1].encode()[node.end_col_offset or 0 :].decode(errors="replace")
        said = [match[1] for line in [behind, *lines[last:following]] if (match := _COMMENT.match(line.strip()))]
        steps.append(Step(source, "\n".join(said)))
    if steps and rest:
        steps[-1] = replace(steps[-1], said=rest, output=True)
    return tuple(steps)


def _is_value(node: ast.expr) -> bool:
    return not any(isinstance(each, ast.Name | ast.Call) for each in ast.walk(node))


def _does_something(steps: tuple[Step, ...], *, fenced: bool) -> bool:
    """Whether any statement does more than define, and if it is not set off as code, calls something."""
    trees = [tree for step in steps if (tree := parse(step.source))]
    nodes = [node for tree in trees for node in tree.body if not isinstance(node, _DEFINES)]
    if fenced or any(step.output for step in steps):
        return any(isinstance(each, ast.Name | ast.Call) for node in nodes for each in ast.walk(node))
    return any(isinstance(each, ast.Call) for node in nodes for each in ast.walk(node))


def _only_defines(steps: tuple[Step, ...]) -> bool:
    trees = [tree for step in steps if (tree := parse(step.source))]
    return all(isinstance(node, _DEFINES) for tree in trees for node in tree.body)


def _unbound(steps: tuple[Step, ...]) -> set[str]:
    """The names that the statements use and nothing of them binds; `import *` may bind any."""
    source = "\n".join(step.source for step in steps)
    if re.search(r"^\s*from .* import \*", source, re.MULTILINE):
        return set()
    table = _table(source)
    if table is None:
        return set()
    bound = _bound(steps)
    used: set[str] = set()
    tables = [table]
    while tables:
        each = tables.pop()
        tables += each.get_children()
        used |= {name.get_name() for name in each.get_symbols() if name.is_referenced() and _is_global(each, name)}
    return used - bound - _BUILTINS


def _is_global(table: symtable.SymbolTable, name: symtable.Symbol) -> bool:
    return name.is_global() or (table.get_type() == "module" and not name.is_assigned())


def _bound(steps: tuple[Step, ...]) -> set[str]:
    """The names that the statements bind for what comes after them."""
    table = _table("\n".join(step.source for step in steps))
    names = table.get_symbols() if table else []
    return {name.get_name() for name in names if name.is_assigned() or name.is_imported() or name.is_namespace()}


def _table(source: str) -> symtable.SymbolTable | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return symtable.symtable(source, "issue", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
