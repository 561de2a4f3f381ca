"""The structural index of one repository: what is defined where, who uses it, what imports what.

It holds the files of a commit, each read once for its content and kept in a cache on disk, and over them those that a
session has changed (workspace.py). Every answer is in the order of paths and lines.
"""

from __future__ import annotations

import difflib
import hashlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from agent.code.definitions import Definition, Import, Reference, Structure
from agent.code.languages import suffix
from agent.code.store import CacheDamaged, Store, module_parts
from agent.code.structure import structure

MAX_FILES = 100_000
_BATCH = 1_000
_LOADED = 4_000
_KEPT = 20_000
_MAX_CALLEES = 20
_LINK = "120000"

T = TypeVar("T")


class Entry(Protocol):
    """A file of a commit."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def blob(self) -> str: ...


class Source(Protocol):
    """A commit: `agent.repo.host.HostRepository` is one."""

    def entries(self) -> Iterable[Any]:
        """Its files, each an `Entry`."""
        ...

    def blobs(self, entries: list[Any]) -> Iterator[tuple[Any, bytes]]:
        """The content of some of them, in order."""
        ...


def cache_path(home: Path, repository: Path) -> Path:
    """Where the cache of a repository lies below the program's own directory."""
    name = hashlib.sha256(str(repository.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return home / "cache" / "code" / f"{name}.sqlite"


class CodeIndex:
    """Index of the files of `source` (None: of none), cached at `cache` (None: in memory). Call `refresh` first."""

    def __init__(self, cache: Path | None = None, source: Source | None = None) -> None:
        self._source = source
        self._store = Store(cache)
        self._hash: Callable[[bytes], Any] = hashlib.sha1
        self._keys: dict[str, str] = {}  # path → content
        self._numbers: dict[str, int] = {}  # path → the file's number in the store
        self._paths: dict[int, list[str]] = {}
        self._lengths: dict[int, int] = {}
        self._entries: list[Any] = []
        self._changed: dict[str, tuple[str, bytes] | None] = {}  # path → key, content; None for one that is gone
        self._load = lru_cache(_LOADED)(self._load_file)

    # --- bringing it up to date

    def refresh(self, check: Callable[[], None] = lambda: None) -> None:
        """Read the commit's files that the cache does not know. `check` is called now and then, and may raise."""
        entries = sorted(self._source.entries(), key=lambda entry: entry.path) if self._source else []
        self._entries = [entry for entry in entries if suffix(entry.path) and entry.mode != _LINK][:MAX_FILES]
        if self._entries and len(self._entries[0].blob) == 64:
            self._hash = hashlib.sha256
        self._safely(lambda: self._sync(check))

    def update(self, changed: Mapping[str, bytes | None]) -> None:
        """Take these files as they are now: path → content, None for one that is gone."""
        for path, data in changed.items():
            if suffix(path):
                self._changed[path] = None if data is None else (self._key_of(path, data), data)
        self._safely(self._sync)

    @property
    def paths(self) -> list[str]:
        """All files whose language is known."""
        return sorted(self._numbers)

    def has_changed(self, path: str, data: bytes) -> bool:
        """Whether a file's content is other than the index has it."""
        return self._keys.get(path) != self._key_of(path, data)

    def _key_of(self, path: str, data: bytes) -> str:
        return _key(path, str(self._hash(b"blob %d\0" % len(data) + data).hexdigest()))

    def _sync(self, check: Callable[[], None] = lambda: None) -> None:
        """Store what is not stored yet, and see which file stands at each path."""
        committed = {entry.path: _key(entry.path, entry.blob) for entry in self._entries}
        known = self._store.known()
        if len(known) > _KEPT + 4 * len(committed):
            self._store.clear()
            known = {}
        missing = {key: entry for entry in self._entries if (key := committed[entry.path]) not in known}
        for batch in _batches(list(missing.values())):
            made = []
            for entry, data in self._source.blobs(batch) if self._source else ():
                check()
                made.append((committed[entry.path], structure(entry.path, data)))
            self._store.add(made)
        changed = {path: each for path, each in self._changed.items() if each and each[0] not in known}
        if changed:
            self._store.add([(key, structure(path, data)) for path, (key, data) in changed.items()])
        self._keys = {path: key for path, key in committed.items() if path not in self._changed}
        self._keys |= {path: each[0] for path, each in self._changed.items() if each}
        self._view(self._store.known() if missing or changed else known)

    def _view(self, known: Mapping[str, tuple[int, int]]) -> None:
        self._numbers, self._paths, self._lengths = {}, {}, {}
        for path, key in self._keys.items():
            if key not in known:
                raise CacheDamaged(f"{path} is not stored")
            number, length = known[key]
            self._lengths[number] = length
            self._numbers[path] = number
            self._paths.setdefault(number, []).append(path)
        self._load.cache_clear()

    def _safely(self, ask: Callable[[], T]) -> T:
        """Ask the store; what is missing from it is made again, the whole of it when it is damaged."""
        for attempt in range(4):
            try:
                if attempt > 1:
                    self._store.discard(in_memory=attempt == 3)
                if attempt:
                    self._sync()
                return ask()
            except CacheDamaged:
                if attempt == 3:
                    raise
        raise AssertionError("unreachable")

    # --- files

    def _load_file(self, path: str) -> Structure:
        number = self._numbers.get(path)
        return Structure() if number is None else self._store.load(number, path)

    def structure(self, path: str) -> Structure:
        """All that is known of a file; empty for one that is not known."""
        return self._safely(lambda: self._load(path))

    def definitions_in(self, path: str) -> list[Definition]:
        """The definitions of a file, outer before inner."""
        return list(self.structure(path).definitions)

    def enclosing_definition(self, path: str, line: int) -> Definition | None:
        """The innermost definition around a line."""
        known = self.structure(path)
        index = known.owner(line)
        return None if index is None else known.definitions[index]

    def enclosing_function(self, path: str, line: int) -> Definition | None:
        """The outermost function or method around a line."""
        found = self.structure(path).definitions
        return next((each for each in found if each.is_function and each.start <= line <= each.end), None)

    def imports(self, path: str) -> list[Import]:
        """What a file imports, in order."""
        return list(self.structure(path).imports)

    def importers(self, module: str) -> list[str]:
        """The files that import a module, given by its name or its file's path; compared by their last parts."""
        wanted = module_parts(module if "/" in module or not suffix(module) else f"./{module}")
        if wanted[-1:] in (["__init__"], ["index"], ["mod"]) or suffix(module) == ".go":
            wanted = wanted[:-1]
        if not wanted:
            return []
        candidates = self.files_with("i", wanted[-1])
        return [path for path in candidates if any(_names(path, each, wanted) for each in self.imports(path))]

    # --- names

    def files_with(self, kind: str, term: str) -> dict[str, int]:
        """The files a term stands in, with how often: `d` defined, `r` used, `i` imported, `w` as a word."""
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
        """Names that are defined and look like one that is not, most alike first."""
        wanted = name.rpartition(".")[2].rpartition(":")[2].lower()
        if not wanted:
            return []
        plain: dict[str, list[str]] = {}
        for each in sorted(self._safely(lambda: self._store.terms("d"))):
            low = each.lower()
            near = abs(len(low) - len(wanted)) <= 3 and (low[:2] == wanted[:2] or low[-3:] == wanted[-3:])
            if near or (len(wanted) > 3 and wanted in low):
                plain.setdefault(low, []).append(each)
        alike = difflib.get_close_matches(wanted, list(plain)[:3_000], limit, 0.6)
        alike += [low for low in plain if wanted in low and low not in alike]
        named = (each for low in alike for each in plain[low])
        return [each for each in named if self.files_with("d", each)][:limit]

    def references(self, name: str) -> list[Reference]:
        """Where a name is used, one for each line."""
        short = name.rpartition(".")[2]
        return [
            Reference(path, short, line)
            for path in self.files_with("r", short)
            for line in self.structure(path).references.get(short, ())
        ]

    def callers(self, definition: Definition) -> list[Definition]:
        """The definitions that use a definition's short name, itself left out."""
        found: dict[Definition, None] = {}
        for each in self.references(definition.short_name):
            user = self.enclosing_definition(each.path, each.line)
            if user is not None and user != definition:
                found[user] = None
        return list(found)

    def callees(self, definition: Definition) -> list[Definition]:
        """What a definition uses: functions, classes and types by the names in it, of one name first those in its file.

        Names with more than 20 definitions elsewhere say nothing and are left out.
        """
        found: dict[Definition, None] = {}
        for name, lines in self.structure(definition.path).references.items():
            if any(definition.start <= line <= definition.end for line in lines):
                named = [each for each in self.definitions(name) if each.kind not in {"variable", "property"}]
                near = [each for each in named if each.path == definition.path]
                chosen = near or named
                if len(chosen) <= _MAX_CALLEES:
                    found.update((each, None) for each in chosen if each != definition)
        return sorted(found, key=lambda each: (each.path, each.start, each.end))

    # --- for ranking

    def word_count(self, path: str) -> int:
        """How many words a file has."""
        return self._lengths.get(self._numbers.get(path, -1), 0)

    def close(self) -> None:
        """Close the cache."""
        self._store.close()


def _batches(entries: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(entries), _BATCH):
        yield entries[start : start + _BATCH]


def _key(path: str, blob: str) -> str:
    return f"{suffix(path)}:{blob}"


def _names(path: str, each: Import, wanted: list[str]) -> bool:
    """Whether an import in `path` may be that of a module: one's parts end with the other's."""
    written = each.module
    if written.startswith(("./", "../")):
        written = posixpath.normpath(posixpath.join(posixpath.dirname(path), written))
    elif written.startswith("."):  # of Python
        rest = written.lstrip(".")
        folders = path.split("/")[: -(len(written) - len(rest))]
        written = ".".join([*folders, rest])
    module = [part for part in module_parts(written) if part not in {"crate", "self", "super"}]
    for parts in (module, *([*module, name] for name in each.names)):
        shorter = min(len(parts), len(wanted))
        if shorter and parts[-shorter:] == wanted[-shorter:]:
            return True
    return False
