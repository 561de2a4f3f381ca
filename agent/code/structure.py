"""Reading the structure of a file by its language's grammar and query.

A file that does not parse as a whole gives what can be read of it. Every count and size is bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from agent.code.definitions import Definition, Structure, owners
from agent.code.languages import language_of, parse, query
from agent.code.words import IDENTIFIER, parts

if TYPE_CHECKING:
    from tree_sitter import Node

_CLASSES = frozenset({"class", "struct", "interface", "trait", "enum", "scope"})
_NAME_PARTS = frozenset({"name", "declarator", "owner"})
_DECLARATORS = frozenset({"identifier", "field_identifier", "type_identifier", "operator_name", "destructor_name"})
_ABOVE = {"rust": "#[", "javascript": "@", "typescript": "@", "tsx": "@"}
"""How a line begins that belongs to the definition below it, where the grammar has it outside."""

_MAX_DEFINITIONS = 3_000
_MAX_REFERENCES = 20_000
_MAX_NAME = 80
_MAX_DEPTH = 12
_MAX_SIGNATURE = 200
_MAX_WORDS = 200
_MAX_LINE = 2_000
_WIDE = 2_000
_MAX_WORK = 400_000_000
_BLANKS = re.compile(r"\s+")


def structure(path: str, data: bytes) -> Structure:
    """The structure of a file; an empty one when its language is not known or it can't be read."""
    language = language_of(path, data)
    tree = parse(language, data) if language else None
    if language is None or tree is None:
        return Structure()
    reading = _Reading(path, language, data)
    reading.read(tree.root_node)
    definitions = reading.definitions()
    texts = data.decode("utf-8", "replace").split("\n")
    counts, own = _words(texts, definitions)
    return Structure(
        tuple(definitions),
        reading.references(),
        own,
        counts,
    )


def _too_wide(root: Node) -> bool:
    """Whether a query over the tree would take too long: it may look at every pair of a node's children.

    Counted here, since the binding's own means of stopping a query (0.26) crashes the process.
    """
    if root.descendant_count < _WIDE:
        return False
    work = 0
    cursor = root.walk()
    descend = True
    while True:
        node = cursor.node
        if node is None:
            return False
        if descend and node.descendant_count >= _WIDE:
            work += node.child_count**2
            if work > _MAX_WORK:
                return True
            if cursor.goto_first_child():
                continue
        descend = cursor.goto_next_sibling()
        if not descend and not cursor.goto_parent():
            return False


@dataclass
class _Found:
    """A definition on the way: its widest node gives the range, its narrowest the signature."""

    kind: str
    name: str
    outer: Node
    inner: Node


class _Reading:
    """One pass over the matches of a tree."""

    def __init__(self, path: str, language: str, data: bytes) -> None:
        self.path = path
        self.language = language
        self.data = data
        self._used: list[Node] = []
        self._found: dict[int, _Found] = {}  # by the place of the name

    def read(self, root: Node) -> None:
        from tree_sitter import QueryCursor

        if _too_wide(root):
            return
        for _, captures in QueryCursor(query(self.language), match_limit=4096).matches(root):
            if "ref" in captures:
                self._used.append(captures["ref"][0])
            else:
                self._define(captures)

    def text(self, node: Node, limit: int = _MAX_NAME) -> str:
        start = node.start_byte
        return self.data[start : min(node.end_byte, start + 4 * limit)].decode("utf-8", "replace")[:limit]

    def references(self) -> dict[str, tuple[int, ...]]:
        """The names that are used, with the lines; a definition does not use its own name by having it."""
        lines: dict[bytes, set[int]] = {}
        for node in self._used[:_MAX_REFERENCES]:
            start = node.start_byte
            if start not in self._found:
                lines.setdefault(self.data[start : node.end_byte], set()).add(node.start_point[0] + 1)
        named: dict[str, set[int]] = {}
        for written, places in lines.items():
            name = written[: 4 * _MAX_NAME].decode("utf-8", "replace")
            name = name.lstrip(":").partition("<")[0][:_MAX_NAME]  # Ruby's symbols, templates
            if name:
                named.setdefault(name, set()).update(places)
        return {name: tuple(sorted(places)) for name, places in named.items()}

    def _define(self, captures: dict[str, list[Node]]) -> None:
        kind = next((name for name in captures if name not in _NAME_PARTS), "")
        node = captures[kind][0] if kind else None
        named = captures.get("name") or captures.get("declarator") or captures.get("owner")
        if node is None or not named or len(self._found) >= _MAX_DEFINITIONS:
            return
        place = named[0]
        if "declarator" in captures:
            name, place = self._declared(place)
        else:
            name = self.text(place).replace("::", ".")
            if "owner" in captures and kind != "scope":
                name = f"{self.text(captures['owner'][0])}.{name}"
        if not name:
            return
        before = self._found.get(place.start_byte)
        if before is None:
            self._found[place.start_byte] = _Found(kind, name, node, node)
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
            if node.type in _DECLARATORS:
                return ".".join([*scopes, self.text(node)]), node
            if node.type == "qualified_identifier":
                scope = node.child_by_field_name("scope")
                if scope is not None:
                    scopes.append(self.text(scope).partition("<")[0])
            inner = node.child_by_field_name("declarator") or node.child_by_field_name("name")
            if inner is None:
                inner = next((child for child in node.named_children[:8] if "declarator" in child.type), None)
            if inner is None:
                inner = next((child for child in node.named_children[:8] if child.type in _DECLARATORS), None)
            if inner is None:
                break
            node = inner
        return "", node

    def definitions(self) -> list[Definition]:
        """What was found, outer before inner, with dotted names."""
        found = sorted(self._found.values(), key=lambda each: (each.outer.start_byte, -each.outer.end_byte))
        above = _ABOVE.get(self.language)
        lines = self.data.split(b"\n") if above else []
        stack: list[tuple[int, str, str]] = []  # where it ends, its whole name, its kind
        made = []
        for each in found:
            while stack and each.outer.start_byte >= stack[-1][0]:
                stack.pop()
            outer_name, outer_kind = (stack[-1][1], stack[-1][2]) if stack else ("", "")
            if each.kind == outer_kind == "variable":  # `a, b = 1, 2`
                outer_name = outer_name.rpartition(".")[0]
            deep = outer_name.count(".") >= _MAX_DEPTH
            name = f"{outer_name}.{each.name}" if outer_name and not deep else each.name
            kind = "method" if each.kind == "function" and outer_kind in _CLASSES else each.kind
            stack.append((each.outer.end_byte, name, kind))
            if each.kind == "scope":
                continue
            start = each.outer.start_point[0]
            while above and start and lines[start - 1].lstrip().startswith(above.encode()):
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
        """A definition's own text up to its body, on one line."""
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


def _words(lines: list[str], made: list[Definition]) -> tuple[dict[str, int], tuple[tuple[str, ...], ...]]:
    """How often each word stands in the file, and the words of each definition without what is nested in it."""
    owned = owners(len(lines), made)
    own: dict[int, dict[str, None]] = {}
    counts: dict[str, int] = {}
    first = 0
    for owner, group in groupby(owned):
        last = first + sum(1 for _ in group)
        text = "\n".join(line[:_MAX_LINE] for line in lines[first:last])
        first = last
        words = own.setdefault(owner, {})
        for identifier, times in Counter(IDENTIFIER.findall(text)).items():
            for word in parts(identifier):
                counts[word] = counts.get(word, 0) + times
                words[word] = None
    return counts, tuple(tuple(own.get(index, ()))[:_MAX_WORDS] for index in range(len(made)))
