"""Reading the structure of a file by its language's grammar and query.

A query captures a used name as `@ref`, and a definition's node by its kind (`@function`, `@class`, ...; the kinds are
in agent/code/definitions.py), beside it the name as one of

- `@name`: the name itself. Where several patterns capture one name, the widest node is the definition and the
  narrowest has its signature, so a decorated function needs two patterns;
- `@declarator`: a declarator of C or C++ that has the name somewhere inside;
- `@owner`: the type that a method is written outside of, which becomes the first part of its name.

`@scope` is a node with a name that is no definition but gives the ones inside a longer name, as `impl` of Rust.

A file that does not parse as a whole gives what can be read of it. Every count and size is bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from agent.code.definitions import Definition, Reference, Structure, innermost_by_line
from agent.code.languages import attribute_prefix, language_of, parse, query
from agent.code.words import IDENTIFIER, parts

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Definition", "Reference", "Structure", "structure"]

_TYPE_KINDS = frozenset({"class", "struct", "interface", "trait", "enum", "scope"})  # a function inside is a method
_NAME_CAPTURES = frozenset({"name", "declarator", "owner"})
_DECLARED_NAMES = frozenset({"identifier", "field_identifier", "type_identifier", "operator_name", "destructor_name"})

_MAX_DEFINITIONS = 3_000
_MAX_REFERENCES = 20_000
_MAX_NAME = 80  # characters
_MAX_DEPTH = 12  # of nested names and declarators
_MAX_SIGNATURE = 200  # characters
_MAX_WORDS = 200  # of one definition
_MAX_LINE = 2_000  # characters of a line whose words are counted
_WIDE = 2_000  # nodes; in a smaller tree no query takes long
_MAX_PAIRS = 400_000_000  # of siblings, in the whole tree
_BLANKS = re.compile(r"\s+")


def structure(path: str, data: bytes) -> Structure:
    """The structure of a file; an empty one if its language is unknown or it can't be parsed."""
    language = language_of(path, data)
    tree = parse(language, data) if language else None
    if language is None or tree is None:
        return Structure()
    reader = _TreeReader(path, language, data)
    reader.read(tree.root_node)
    definitions = reader.definitions()
    counts, words = _words(data.decode("utf-8", "replace").split("\n"), definitions)
    return Structure(tuple(definitions), reader.references(), words, counts)


def _too_wide(root: Node) -> bool:
    """Whether a query over the tree could take too long: it may look at every pair of a node's children.

    Counted here because stopping a query through the binding (tree-sitter 0.26) crashes the process.
    """
    if root.descendant_count < _WIDE:
        return False
    pairs = 0
    cursor = root.walk()
    descend = True
    while True:
        node = cursor.node
        if node is None:
            return False
        if descend and node.descendant_count >= _WIDE:
            pairs += node.child_count**2
            if pairs > _MAX_PAIRS:
                return True
            if cursor.goto_first_child():
                continue
        descend = cursor.goto_next_sibling()
        if not descend and not cursor.goto_parent():
            return False


@dataclass
class _Candidate:
    """A definition while it is read: its widest node gives the lines, its narrowest the signature."""

    kind: str
    name: str
    outer: Node
    inner: Node


class _TreeReader:
    """Collects definitions and used names from the query's matches in one tree."""

    def __init__(self, path: str, language: str, data: bytes) -> None:
        self.path = path
        self.language = language
        self.data = data
        self._used: list[Node] = []
        self._found: dict[int, _Candidate] = {}  # by the first byte of the name

    def read(self, root: Node) -> None:
        """Run the query over a tree; a tree that is too wide for it gives nothing."""
        from tree_sitter import QueryCursor

        if _too_wide(root):
            return
        for _, captures in QueryCursor(query(self.language), match_limit=4096).matches(root):
            if "ref" in captures:
                self._used.append(captures["ref"][0])
            else:
                self._define(captures)

    def text(self, node: Node, limit: int = _MAX_NAME) -> str:
        """The first `limit` characters of a node's text."""
        start = node.start_byte
        return self.data[start : min(node.end_byte, start + 4 * limit)].decode("utf-8", "replace")[:limit]

    def references(self) -> dict[str, tuple[int, ...]]:
        """The used names with their lines (1-based); where a definition has its name is no use of it."""
        lines: dict[bytes, set[int]] = {}
        for node in self._used[:_MAX_REFERENCES]:
            start = node.start_byte
            if start not in self._found:
                lines.setdefault(self.data[start : node.end_byte], set()).add(node.start_point[0] + 1)
        named: dict[str, set[int]] = {}
        for written, found_on in lines.items():
            name = written[: 4 * _MAX_NAME].decode("utf-8", "replace")
            name = name.lstrip(":").partition("<")[0][:_MAX_NAME]  # Ruby's symbols, templates
            if name:
                named.setdefault(name, set()).update(found_on)
        return {name: tuple(sorted(found_on)) for name, found_on in named.items()}

    def _define(self, captures: dict[str, list[Node]]) -> None:
        kind = next((name for name in captures if name not in _NAME_CAPTURES), "")
        node = captures[kind][0] if kind else None
        named = captures.get("name") or captures.get("declarator") or captures.get("owner")
        if node is None or not named or len(self._found) >= _MAX_DEFINITIONS:
            return
        name_node = named[0]
        if "declarator" in captures:
            name, name_node = self._declared(name_node)
        else:
            name = self.text(name_node).replace("::", ".")
            if "owner" in captures and kind != "scope":
                name = f"{self.text(captures['owner'][0])}.{name}"
        if not name:
            return
        before = self._found.get(name_node.start_byte)
        if before is None:
            self._found[name_node.start_byte] = _Candidate(kind, name, node, node)
            return
        if before.kind in {"variable", "type"} or (before.kind == "function" and kind == "method"):
            before.kind = kind
        if node.end_byte - node.start_byte > before.outer.end_byte - before.outer.start_byte:
            before.outer = node
        elif node.end_byte - node.start_byte < before.inner.end_byte - before.inner.start_byte:
            before.inner = node

    def _declared(self, node: Node) -> tuple[str, Node]:
        """The name inside a declarator of C or C++, which may be pointers, arrays and parentheses deep."""
        scopes: list[str] = []
        for _ in range(_MAX_DEPTH):
            if node.type in _DECLARED_NAMES:
                return ".".join([*scopes, self.text(node)]), node
            if node.type == "qualified_identifier":
                scope = node.child_by_field_name("scope")
                if scope is not None:
                    scopes.append(self.text(scope).partition("<")[0])
            inner = node.child_by_field_name("declarator") or node.child_by_field_name("name")
            if inner is None:
                inner = next((child for child in node.named_children[:8] if "declarator" in child.type), None)
            if inner is None:
                inner = next((child for child in node.named_children[:8] if child.type in _DECLARED_NAMES), None)
            if inner is None:
                break
            node = inner
        return "", node

    def definitions(self) -> list[Definition]:
        """The definitions with their dotted names, outer before inner."""
        found = sorted(self._found.values(), key=lambda each: (each.outer.start_byte, -each.outer.end_byte))
        attribute = attribute_prefix(self.language).encode()
        lines = self.data.split(b"\n") if attribute else []
        stack: list[tuple[int, str, str]] = []  # last byte, dotted name, kind
        made = []
        for each in found:
            while stack and each.outer.start_byte >= stack[-1][0]:
                stack.pop()
            outer_name, outer_kind = (stack[-1][1], stack[-1][2]) if stack else ("", "")
            if each.kind == outer_kind == "variable":  # `a, b = 1, 2`
                outer_name = outer_name.rpartition(".")[0]
            deep = outer_name.count(".") >= _MAX_DEPTH
            name = f"{outer_name}.{each.name}" if outer_name and not deep else each.name
            kind = "method" if each.kind == "function" and outer_kind in _TYPE_KINDS else each.kind
            stack.append((each.outer.end_byte, name, kind))
            if each.kind == "scope":
                continue
            start = each.outer.start_point[0]
            while attribute and start and lines[start - 1].lstrip().startswith(attribute):
                start -= 1
            end = each.outer.end_point[0] + (each.outer.end_point[1] > 0 or each.outer.end_point[0] == start)
            made.append(
                Definition(self.path, name, kind, start + 1, end, self._column(each.outer), self._signature(each.inner))
            )
        return sorted(made, key=lambda each: (each.start, -each.end))

    def _column(self, node: Node) -> int:
        """The indentation of the line a node starts on."""
        start = node.start_byte - node.start_point[1]
        line = self.data[start : node.start_byte]
        return len(line) - len(line.lstrip())

    def _signature(self, node: Node) -> str:
        """A definition's text up to its body, on one line."""
        body = node.child_by_field_name("body")
        if body is None:
            value = node.child_by_field_name("value") or node.child_by_field_name("right")
            body = value.child_by_field_name("body") if value is not None else None
        if body is None:
            line = self.text(node, _MAX_SIGNATURE).partition("\n")[0]
            return _BLANKS.sub(" ", line).strip().rstrip(" {:;")
        text = self.data[node.start_byte : min(body.start_byte, node.start_byte + 4 * _MAX_SIGNATURE)]
        written = _BLANKS.sub(" ", text.decode("utf-8", "replace")).strip().removesuffix("=>").rstrip(" {:")
        return written[:_MAX_SIGNATURE]


def _words(lines: list[str], definitions: list[Definition]) -> tuple[dict[str, int], tuple[tuple[str, ...], ...]]:
    """How often each word occurs in the file, and each definition's words without those of definitions nested in it."""
    own_words: dict[int, dict[str, None]] = {}
    counts: dict[str, int] = {}
    first = 0
    for owner, group in groupby(innermost_by_line(len(lines), definitions)):
        last = first + sum(1 for _ in group)
        text = "\n".join(line[:_MAX_LINE] for line in lines[first:last])
        first = last
        words = own_words.setdefault(owner, {})
        for identifier, times in Counter(IDENTIFIER.findall(text)).items():
            for word in parts(identifier):
                counts[word] = counts.get(word, 0) + times
                words[word] = None
    return counts, tuple(tuple(own_words.get(index, ()))[:_MAX_WORDS] for index in range(len(definitions)))
