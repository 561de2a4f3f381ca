"""A file's lines, searchable by keys that are made once."""

from __future__ import annotations

from collections.abc import Callable

_MOST_WORK = 200_000  # lines compared for one key: places beyond that are not looked at one by one


class Text:
    """The lines of a file, without their ends, searchable by keys that are made once."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self._keyed: dict[Callable[[str], str], str] = {}

    def places(self, wanted: list[str], key: Callable[[str], str]) -> list[int]:
        """Where a run of lines stands, by their keys; of very many places the first ones."""
        if not wanted:
            return []
        if key not in self._keyed:
            self._keyed[key] = "\n" + "\n".join(map(key, self.lines)) + "\n"
        hay = self._keyed[key]
        needle = "\n" + "\n".join(map(key, wanted)) + "\n"
        most = max(_MOST_WORK // len(wanted), 2)
        found: list[int] = []
        line = counted = 0
        at = hay.find(needle) if self.lines else -1
        while at >= 0 and len(found) < most:
            line, counted = line + hay.count("\n", counted, at), at
            found.append(line)
            at = hay.find(needle, at + 1)
        return found
