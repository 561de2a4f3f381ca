"""The code an issue shows, as it stands: sessions at a prompt, fenced blocks, bare lines, with the output shown.

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

from agent.code.literals import MAX_CHARACTERS
from agent.code.python_ast import first_line, parse

FENCE = re.compile(
    r"^[ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)\n"
    r"(?P<block>.*?)(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
"""A block that is set off as code; one that is not closed goes on to the end."""
_MAX_BLOCKS = 8
_MAX_LINES = 400
_OTHER_LANGUAGE = re.compile(
    r"^\s*\{?\.?(?:diff|patch|json|ya?ml|toml|ini|sql|js|jsx|javascript|tsx?|typescript|c|cpp|c\+\+|java|go|rust|html|xml|css"
    r"|sh|bash|zsh|shell|powershell|cmd|dockerfile|make|r|ruby|php|rst|md|markdown)\b",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"(?:^.*\S.*\n?)+", re.MULTILINE)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|In \[\d+\]:)", re.MULTILINE)
_DOCTEST_FORM = (  # what other prompts look like, and what doctest reads
    (r"^[ \t]*>>>(?=\S)", ">>> "),
    (r"^[ \t]*In \[\d+\]:[ ]?", ">>> "),
    (r"^[ \t]*\.{3}:[ ]?", "... "),
    (r"^[ \t]*Out\[\d+\]:[ ]?", ""),
)
_COMMENT = re.compile(r"#+[ \t]*(.*)")
_ERROR = re.compile(r"Traceback \(most|(?:\w+\.)*\w*(?:Error|Exception)\b")
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Step:
    """A statement, and what the issue shows of it: its output (`is_output`), else the comments behind it."""

    source: str
    shown: str = ""
    is_output: bool = False

    @property
    def prints(self) -> bool:
        """Whether it is a `print` of one thing."""
        node = self._node()
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            and len(node.args) == 1
            and not (node.keywords or isinstance(node.args[0], ast.Starred))
        )

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

    @property
    def failed(self) -> bool:
        """Whether the issue shows that it raised an error."""
        return self.is_output and bool(_ERROR.match(self.shown))

    def _node(self) -> ast.expr | None:
        tree = parse(self.source)
        node = tree.body[0] if tree and len(tree.body) == 1 else None
        return node.value if isinstance(node, ast.Expr) else None


@dataclass(frozen=True)
class CodeBlock:
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

    def before(self, at: int) -> str:
        """The statements before the one at place `at`, without those that failed."""
        return "".join(f"{step.source}\n" for step in self.steps[:at] if not step.failed)


def code_blocks(issue: str, own: Collection[str] = ()) -> list[CodeBlock]:
    """The pieces of Python in an issue, in order; those that use what earlier ones bind have their statements first.

    `issue` has its lines end in LF, and is read up to `MAX_CHARACTERS`. `own` are the names that the repository
    defines: an earlier piece that defines one of them quotes it.
    """
    found: list[CodeBlock] = []
    for start, block, fenced in _pieces(issue[:MAX_CHARACTERS]):
        steps = _session(block) if _PROMPT.search(block) else _script(block, fenced=fenced)
        runs = _does_something(steps, fenced=fenced)
        if not runs and not (fenced and _bound(steps)):
            continue
        steps = _after_others(steps, [each.steps for each in found], own)
        found.append(CodeBlock(steps, start, start + len(block), runs, frozenset(unbound_names(steps))))
        if len(found) == _MAX_BLOCKS:
            break
    return found


def _after_others(steps: tuple[Step, ...], earlier: list[tuple[Step, ...]], own: Collection[str]) -> tuple[Step, ...]:
    """Statements, with those before them whose names they use; what failed there is left out."""
    for other in reversed(earlier):
        new = tuple(step for step in other if step not in steps and not step.failed)
        if unbound_names(steps) & (_bound(new) - set(own)):
            steps = new + steps
    return steps


def _pieces(issue: str) -> Iterator[tuple[int, str, bool]]:
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
    for pattern, plain in _DOCTEST_FORM:
        block = re.sub(pattern, plain, block, flags=re.MULTILINE)
    try:
        examples = doctest.DocTestParser().get_examples(textwrap.dedent(block) + "\n")
    except ValueError:  # an indentation that is no session's
        return ()
    steps: list[Step] = []
    for example in examples:
        tree, shown = parse(example.source), example.want.strip()
        made = _statements(tree, example.source.rstrip("\n").split("\n")) if tree else []
        if made and shown:
            made[-1] = replace(made[-1], shown=shown, is_output=True)
        steps += made
    return tuple(steps)


def _script(block: str, *, fenced: bool) -> tuple[Step, ...]:
    """The statements of a block: as far as it is Python, where it was set off as code; what follows is the output."""
    lines = textwrap.dedent(block).rstrip().split("\n")[:_MAX_LINES]
    for length in range(len(lines), 0, -1) if fenced else [len(lines)]:
        tree = parse("\n".join(lines[:length]))
        if tree is not None:
            steps = _statements(tree, lines[:length])
            rest = "\n".join(lines[length:]).strip()
            if steps and rest:
                steps[-1] = replace(steps[-1], shown=rest, is_output=True)
            return tuple(steps)
    return ()


def _statements(tree: ast.Module, lines: list[str]) -> list[Step]:
    """The statements of code, each with the comments behind it."""
    text = "\n".join(lines)
    steps: list[Step] = []
    for number, node in enumerate(tree.body):
        first, last = first_line(node), node.end_lineno or node.lineno
        decorated = first < node.lineno
        source = "\n".join(lines[first - 1 : last]) if decorated else ast.get_source_segment(text, node) or ""
        following = tree.body[number + 1].lineno - 1 if number + 1 < len(tree.body) else len(lines)
        behind = lines[last - 1].encode()[node.end_col_offset or 0 :].decode(errors="replace")
        comments = [match[1] for line in [behind, *lines[last:following]] if (match := _COMMENT.match(line.strip()))]
        steps.append(Step(source, "\n".join(comments)))
    return steps


def _does_something(steps: tuple[Step, ...], *, fenced: bool) -> bool:
    """Whether any statement does more than define, and if it is not set off as code, calls something."""
    trees = [tree for step in steps if (tree := parse(step.source))]
    nodes = [node for tree in trees for node in tree.body if not isinstance(node, _DEFINITION)]
    kinds = ast.Name | ast.Call if fenced or any(step.is_output for step in steps) else ast.Call
    return any(isinstance(each, kinds) for node in nodes for each in ast.walk(node))


def unbound_names(steps: tuple[Step, ...]) -> set[str]:
    """The names that the statements use and nothing of them binds; `import *` may bind any."""
    source = "\n".join(step.source for step in steps)
    table = None if re.search(r"^\s*from .* import \*", source, re.MULTILINE) else _table(source)
    used: set[str] = set()
    tables = [table] if table else []
    while tables:
        each = tables.pop()
        tables += each.get_children()
        used |= {name.get_name() for name in each.get_symbols() if name.is_referenced() and _is_global(each, name)}
    return used - _bound(steps) - _BUILTINS


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
