"""Syntax errors of a text, to be compared before and after an edit: only what is new is worth telling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.code.languages import language_of, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_FAULTS = 20
_MAX_LINE = 120


@dataclass(frozen=True)
class SyntaxFault:
    """One error: its line (1-based), that line's text, and what is wrong with it."""

    line: int
    text: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}: {self.text}"


def syntax_errors(path: str, text: str) -> list[SyntaxFault]:
    """What does not parse, in the order of lines, 20 at the most; empty for a language that is not known.

    A grammar may not know all of its language: tell only what was not there before an edit (`new_errors`).
    """
    data = text.encode("utf-8", "replace")
    language = language_of(path, data)
    own: list[SyntaxFault] = []
    if language == "python" and not path.endswith(".pyi"):
        own = _python(text)
        if not own:
            return []
    tree = parse(language, data) if language else None
    if tree is None or not tree.root_node.has_error:
        return own
    lines = text.split("\n")
    return [_fault(node, lines) for node in _wrong(tree.root_node)] or own


def new_errors(path: str, before: str, after: str) -> list[SyntaxFault]:
    """The errors of `after` that `before` does not have; lines may have moved."""
    faults = syntax_errors(path, after)
    known = [(fault.text, fault.what) for fault in syntax_errors(path, before)] if faults else []
    new = []
    for fault in faults:
        if (fault.text, fault.what) in known:
            known.remove((fault.text, fault.what))
        else:
            new.append(fault)
    return new


def _wrong(root: Node) -> list[Node]:
    """The nodes that are missing or stand for what can't be read; none within another."""
    found: list[Node] = []
    cursor = root.walk()
    descend = True
    while len(found) < _MAX_FAULTS:
        node = cursor.node
        if node is None:
            break
        if descend and (node.is_missing or node.is_error):
            found.append(node)
        elif descend and node.has_error and cursor.goto_first_child():
            continue
        if cursor.goto_next_sibling():
            descend = True
        elif cursor.goto_parent():
            descend = False
        else:
            break
    return found


def _fault(node: Node, lines: list[str]) -> SyntaxFault:
    row = node.start_point[0]
    if node.is_missing:
        what = f"missing {node.type.replace('_', ' ')}"
        while row and not _shown(lines, row):  # where the text before it ends
            row -= 1
        return SyntaxFault(row + 1, _shown(lines, row), what)
    opened = next((child.type for child in node.children[:50] if child.type in {"(", "[", "{", '"', "'"}), "")
    return SyntaxFault(row + 1, _shown(lines, row), f"not closed: {opened}" if opened else "invalid syntax")


def _shown(lines: list[str], row: int) -> str:
    return lines[row].strip()[:_MAX_LINE] if row < len(lines) else ""


def _python(text: str) -> list[SyntaxFault]:
    """What Python's own compiler finds, up to its table of names: the least that reads all of its syntax."""
    import symtable
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable.symtable(text, "text", "exec")
    except SyntaxError as error:
        line = error.lineno or 1
        return [SyntaxFault(line, _shown(text.split("\n"), line - 1), error.msg)]
    except (ValueError, RecursionError, MemoryError):
        return []
    return []
