"""What is known of a file: definitions with their places, the names it uses, its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

FUNCTIONS = frozenset({"function", "method", "macro"})


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
        """The last part of its name."""
        return self.name.rpartition(".")[2]

    @property
    def is_function(self) -> bool:
        """Whether it is something that is called: a function, method or macro."""
        return self.kind in FUNCTIONS


@dataclass(frozen=True, slots=True)
class Reference:
    """A line of a file on which a name is used."""

    path: str
    name: str
    line: int


@dataclass(frozen=True)
class Structure:
    """A file's structure. `words[i]` are the words of `definitions[i]` without what is nested in it."""

    definitions: tuple[Definition, ...] = ()
    references: dict[str, tuple[int, ...]] = field(default_factory=dict)
    words: tuple[tuple[str, ...], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @cached_property
    def _owned(self) -> list[int]:
        return owners(max((each.end for each in self.definitions), default=0), self.definitions)

    def owner(self, line: int) -> int | None:
        """The index of the innermost definition around a line."""
        index = self._owned[line - 1] if 0 < line <= len(self._owned) else -1
        return None if index < 0 else index


def owners(count: int, made: Sequence[Definition]) -> list[int]:
    """For each line the index of the innermost definition around it, or -1."""
    owners = [-1] * count
    for index, each in enumerate(made):  # outer before inner
        owners[each.start - 1 : each.end] = [index] * (min(each.end, count) - each.start + 1)
    return owners
