"""The structural index of one repository: what is defined where, and where it is used.

It holds the files of a commit, each content read once and kept in a cache on disk (store.py), overlaid with those that
a session has changed (workspace.py). Every answer is in the order of paths and lines.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from agent.code.definitions import Definition, Reference, Structure
from agent.code.languages import suffix
from agent.code.store import CacheDamaged, Store
from agent.code.structure import structure

MAX_FILES = 100_000
"""Of a commit; those beyond it, in the order of paths, are left out."""
_BATCH_FILES = 1_000  # read and stored at once
_LOADED_FILES = 4_000  # structures held in memory
_SPARE_FILES = 20_000  # contents kept in the cache beside four for each file of the commit
_MAX_SUGGESTED_FROM = 3_000  # names compared with one that is not defined
_SYMLINK_MODE = "120000"
_ATTEMPTS = 4  # at a query: again as it is, with a new cache on disk, with one in memory

T = TypeVar("T")


class Entry(Protocol):
    """A file of a commit: its path, its git mode and its blob's id."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def blob(self) -> str: ...


class Source(Protocol):
    """The files of a commit; `agent.repo.host.HostRepository` implements it."""

    def entries(self) -> Iterable[Any]:
        """All files, each an `Entry`."""
        ...

    def blobs(self, entries: list[Any]) -> Iterator[tuple[Any, bytes]]:
        """The contents of some of them, in their order."""
        ...


def cache_path(home: Path, repository: Path) -> Path:
    """The cache file of a repository, below the program's data directory `home`."""
    name = hashlib.sha256(str(repository.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return home / "cache" / "code" / f"{name}.sqlite"


class CodeIndex:
    """Index of the files of `source` (None: no files), cached in the file `cache` (None: in memory).

    Call `refresh` before anything else. Methods raise `CacheDamaged` only if a cache in memory fails, too.
    """

    def __init__(self, cache: Path | None = None, source: Source | None = None) -> None:
        self._source = source
        self._store = Store(cache)
        self._hash: Callable[[bytes], Any] = hashlib.sha1
        self._keys: dict[str, str] = {}  # path → key of its content
        self._numbers: dict[str, int] = {}  # path → the file's number in the store
        self._paths: dict[int, list[str]] = {}  # the other way round
        self._word_counts: dict[int, int] = {}  # by the file's number
        self._entries: list[Any] = []
        self._changed: dict[str, tuple[str, bytes] | None] = {}  # path → key and content; None if removed
        self._load = lru_cache(_LOADED_FILES)(self._load_file)

    # --- bringing it up to date

    def refresh(self, check: Callable[[], None] = lambda: None) -> None:
        """Read those files of the commit that the cache does not hold. `check` is called after each; it may raise."""
        entries = sorted(self._source.entries(), key=lambda entry: entry.path) if self._source else []
        self._entries = [entry for entry in entries if suffix(entry.path) and entry.mode != _SYMLINK_MODE][:MAX_FILES]
        if self._entries and len(self._entries[0].blob) == 64:
            self._hash = hashlib.sha256
        self._safely(lambda: self._sync(check))

    def update(self, changed: Mapping[str, bytes | None]) -> None:
        """Overlay the commit with changed files: path → content, None for a file that was removed."""
        for path, data in changed.items():
            if suffix(path):
                self._changed[path] = None if data is None else (self._key_of(path, data), data)
        self._safely(self._sync)

    @property
    def paths(self) -> list[str]:
        """All files of a known language, sorted."""
        return sorted(self._numbers)

    def has_changed(self, path: str, data: bytes) -> bool:
        """Whether a file's content is not the indexed one."""
        return self._keys.get(path) != self._key_of(path, data)

    def _key_of(self, path: str, data: bytes) -> str:
        return _key(path, str(self._hash(b"blob %d\0" % len(data) + data).hexdigest()))

    def _sync(self, check: Callable[[], None] = lambda: None) -> None:
        """Store the structures that are missing from the cache, and update the tables of paths."""
        committed = {entry.path: _key(entry.path, entry.blob) for entry in self._entries}
        known = self._store.known()
        if len(known) > _SPARE_FILES + 4 * len(committed):
            self._store.clear()
            known = {}
        missing = {key: entry for entry in self._entries if (key := committed[entry.path]) not in known}
        for batch in _batches(list(missing.values())):
            read = []
            for entry, data in self._source.blobs(batch) if self._source else ():
                check()
                read.append((committed[entry.path], structure(entry.path, data)))
            self._store.add(read)
        changed = {path: each for path, each in self._changed.items() if each and each[0] not in known}
        if changed:
            self._store.add([(key, structure(path, data)) for path, (key, data) in changed.items()])
        self._keys = {path: key for path, key in committed.items() if path not in self._changed}
        self._keys |= {path: each[0] for path, each in self._changed.items() if each}
        self._tabulate(self._store.known() if missing or changed else known)

    def _tabulate(self, known: Mapping[str, tuple[int, int]]) -> None:
        self._numbers, self._paths, self._word_counts = {}, {}, {}
        for path, key in self._keys.items():
            if key not in known:
                raise CacheDamaged(f"{path} is not stored")
            number, length = known[key]
            self._word_counts[number] = length
            self._numbers[path] = number
            self._paths.setdefault(number, []).append(path)
        self._load.cache_clear()

    def _safely(self, query: Callable[[], T]) -> T:
        """Query the store; what is missing from it is read again, all of it if the cache is damaged."""
        for attempt in range(_ATTEMPTS):
            try:
                if attempt > 1:
                    self._store.discard(in_memory=attempt == _ATTEMPTS - 1)
                if attempt:
                    self._sync()
                return query()
            except CacheDamaged:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    # --- files

    def _load_file(self, path: str) -> Structure:
        number = self._numbers.get(path)
        return Structure() if number is None else self._store.load(number, path)

    def structure(self, path: str) -> Structure:
        """The structure of a file; empty for an unknown path."""
        return self._safely(lambda: self._load(path))

    def definitions_in(self, path: str) -> list[Definition]:
        """The definitions of a file, outer before inner."""
        return list(self.structure(path).definitions)

    def enclosing_definition(self, path: str, line: int) -> Definition | None:
        """The innermost definition that contains a line (1-based)."""
        known = self.structure(path)
        index = known.owner(line)
        return None if index is None else known.definitions[index]

    def enclosing_function(self, path: str, line: int) -> Definition | None:
        """The outermost function or method that contains a line (1-based)."""
        found = self.structure(path).definitions
        return next((each for each in found if each.is_function and each.start <= line <= each.end), None)

    # --- names

    def files_with(self, kind: str, term: str) -> dict[str, int]:
        """The paths where `term` is a defined name (kind `d`), a used name (`r`) or a word (`w`), with how often."""
        found = self._safely(lambda: self._store.postings(kind + term))
        paths = ((path, count) for number, count in found.items() for path in self._paths.get(number, ()))
        return dict(sorted(paths))

    def definitions(self, name: str) -> list[Definition]:
        """The definitions of a name, short or dotted (`method`, `Class.method`, `Class::method`)."""
        wanted = name.strip().replace("::", ".").replace("#", ".").removesuffix("()").strip(".")
        if not wanted:
            return []
        found = (each for path in self.files_with("d", wanted.rpartition(".")[2]) for each in self.definitions_in(path))
        ending = f".{wanted}"
        return [each for each in found if each.name == wanted or each.name.endswith(ending)]

    def suggestions(self, name: str, limit: int = 5) -> list[str]:
        """Defined names that are similar to a name that is not defined, the most similar first."""
        wanted = name.rpartition(".")[2].rpartition(":")[2].lower()
        if not wanted:
            return []
        plain: dict[str, list[str]] = {}
        for each in sorted(self._safely(lambda: self._store.terms("d"))):
            low = each.lower()
            near = abs(len(low) - len(wanted)) <= 3 and (low[:2] == wanted[:2] or low[-3:] == wanted[-3:])
            if near or (len(wanted) > 3 and wanted in low):
                plain.setdefault(low, []).append(each)
        alike = difflib.get_close_matches(wanted, list(plain)[:_MAX_SUGGESTED_FROM], limit, 0.6)
        alike += [low for low in plain if wanted in low and low not in alike]
        named = (each for low in alike for each in plain[low])
        return [each for each in named if self.files_with("d", each)][:limit]

    def references(self, name: str) -> list[Reference]:
        """The lines on which a name is used."""
        short = name.rpartition(".")[2]
        return [
            Reference(path, short, line)
            for path in self.files_with("r", short)
            for line in self.structure(path).references.get(short, ())
        ]

    def word_count(self, path: str) -> int:
        """How many words a file has."""
        return self._word_counts.get(self._numbers.get(path, -1), 0)

    def close(self) -> None:
        """Close the cache."""
        self._store.close()


def _batches(entries: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(entries), _BATCH_FILES):
        yield entries[start : start + _BATCH_FILES]


def _key(path: str, blob: str) -> str:
    return f"{suffix(path)}:{blob}"
