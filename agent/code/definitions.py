"""What is known of one source file: its definitions, the names it uses, its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

CALLABLE_KINDS = frozenset({"function", "method", "macro"})


@dataclass(frozen=True, slots=True)
class Definition:
    """Lines `start` to `end` (1-based, inclusive, with decorators) of a file, under a dotted name.

    `kind` is function, method, macro, class, struct, interface, trait, enum, type, module, property or variable.
    `column` is the indentation of its first line, in characters.
    """

    path: str
    name: str
    kind: str
    start: int
    end: int
    column: int
    signature: str

    @property
    def short_name(self) -> str:
        """The last part of the dotted name."""
        return self.name.rpartition(".")[2]

    @property
    def is_function(self) -> bool:
        """Whether it is called: a function, method or macro."""
        return self.kind in CALLABLE_KINDS


@dataclass(frozen=True, slots=True)
class Reference:
    """A line (1-based) of a file on which a name is used."""

    path: str
    name: str
    line: int


@dataclass(frozen=True)
class Structure:
    """The structure of one file.

    `definitions` come outer before inner. `references` maps a used name to its lines (1-based, ascending). `words[i]`
    are the words of `definitions[i]` without those of definitions nested in it. `counts` says how often each word
    occurs in the whole file.
    """

    definitions: tuple[Definition, ...] = ()
    references: dict[str, tuple[int, ...]] = field(default_factory=dict)
    words: tuple[tuple[str, ...], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @cached_property
    def _innermost(self) -> list[int]:
        return innermost_by_line(max((each.end for each in self.definitions), default=0), self.definitions)

    def owner(self, line: int) -> int | None:
        """The index of the innermost definition that contains a line (1-based); None outside of all."""
        index = self._innermost[line - 1] if 0 < line <= len(self._innermost) else -1
        return None if index < 0 else index


def innermost_by_line(line_count: int, definitions: Sequence[Definition]) -> list[int]:
    """For each of the first `line_count` lines the index of the innermost definition that contains it, or -1.

    `definitions` are sorted outer before inner.
    """
    innermost = [-1] * line_count
    for index, each in enumerate(definitions):
        innermost[each.start - 1 : each.end] = [index] * (min(each.end, line_count) - each.start + 1)
    return innermost
