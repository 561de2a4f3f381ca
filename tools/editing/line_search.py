"""Searching a file's lines for a run of lines, compared by a key such as the line without its indentation."""

from __future__ import annotations

from collections.abc import Callable

_MAX_COMPARED = 200_000  # lines compared for one search; matches beyond that are not counted


class SearchableLines:
    """The lines of a file, without their ends. The keys of all lines are computed once for each key function."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self._keyed: dict[Callable[[str], str], str] = {}

    def find(self, wanted: list[str], key: Callable[[str], str]) -> list[int]:
        """The 0-based first lines of the runs of lines whose keys equal those of `wanted`; of very many the first."""
        if not wanted:
            return []
        if key not in self._keyed:
            self._keyed[key] = "\n" + "\n".join(map(key, self.lines)) + "\n"
        haystack = self._keyed[key]
        needle = "\n" + "\n".join(map(key, wanted)) + "\n"
        max_found = max(_MAX_COMPARED // len(wanted), 2)
        found: list[int] = []
        line = counted = 0
        at = haystack.find(needle) if self.lines else -1
        while at >= 0 and len(found) < max_found:
            line, counted = line + haystack.count("\n", counted, at), at
            found.append(line)
            at = haystack.find(needle, at + 1)
        return found
