"""The index's cache on disk: structures of files by their content, and an inverted index of names and words.

A SQLite database. A file is stored under the key that the index gives its content; a posting maps a term (`d`, `r` or
`w` before a defined name, a used name or a word) to file numbers and counts. Several processes may use one cache at a
time. It holds nothing that can't be made again, so a damaged or unusable one is replaced.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agent.code.definitions import Definition, Structure
from agent.files import PRIVATE, make_private

FORMAT = 2
"""To be raised when structures are read or stored in another way: caches of another format are replaced."""

_SCHEMA = """
CREATE TABLE file (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, length INTEGER NOT NULL,
                   data BLOB NOT NULL);
CREATE TABLE posting (term TEXT NOT NULL, batch INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (term, batch))
       WITHOUT ROWID;
"""
_LOCK_TIMEOUT_SECONDS = 20.0


class CacheDamaged(Exception):
    """What was stored can't be read, or not written: the index discards the cache and reads the files again."""


class Store:
    """One cache; with `path` None it is in memory. Usable from any thread. Methods raise `CacheDamaged`."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        if self.path is not None:
            try:
                return self._connect(self.path)
            except (sqlite3.OperationalError, OSError):  # locked for long, read-only, full: in memory instead
                pass
            except sqlite3.DatabaseError:
                if _remove(self.path):
                    with contextlib.suppress(sqlite3.Error, OSError):
                        return self._connect(self.path)
            self.path = None
        return self._connect(None)

    def _connect(self, path: Path | None) -> sqlite3.Connection:
        if path is not None:
            make_private(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE))  # SQLite would go by the umask
        connection = sqlite3.connect(
            path or ":memory:", timeout=_LOCK_TIMEOUT_SECONDS, check_same_thread=False, isolation_level=None
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _prepare(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # a loss of power costs the cache, nothing else
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if version == FORMAT and {"file", "posting"} <= tables:
            connection.execute("COMMIT")
            return
        if tables:
            connection.execute("ROLLBACK")
            raise sqlite3.DatabaseError("another format")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={FORMAT}")
        connection.execute("COMMIT")

    def discard(self, *, in_memory: bool) -> None:
        """Replace a damaged cache by an empty one, on disk or in memory."""
        with self._lock:
            self._connection.close()
            if in_memory or not _remove(self.path):
                self.path = None
            self._connection = self._open()

    def clear(self) -> None:
        """Remove all files; their numbers are never given again."""
        with self._lock:
            try:
                self._connection.executescript("BEGIN IMMEDIATE; DELETE FROM file; DELETE FROM posting; COMMIT;")
            except sqlite3.Error as error:
                raise CacheDamaged(str(error)) from error

    def close(self) -> None:
        """Close the database; what is stored stays."""
        with self._lock:
            self._connection.close()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise CacheDamaged(str(error)) from error

    def known(self) -> dict[str, tuple[int, int]]:
        """For every stored key the file's number and how many words it has."""
        return {key: (number, length) for key, number, length in self._rows("SELECT key, id, length FROM file")}

    def load(self, number: int, path: str) -> Structure:
        """A file's structure by its number, with `path` as the path of its definitions."""
        found = self._rows("SELECT data FROM file WHERE id=?", (number,))
        try:
            return _unpack(path, json.loads(zlib.decompress(found[0][0])))
        except (zlib.error, ValueError, TypeError, LookupError, RecursionError) as error:
            raise CacheDamaged(f"file {number} can't be read") from error

    def postings(self, term: str) -> dict[int, int]:
        """The numbers of the files that a term occurs in, with how often."""
        found: dict[int, int] = {}
        for (data,) in self._rows("SELECT data FROM posting WHERE term=?", (term,)):
            numbers = array("I")
            try:
                numbers.frombytes(data)
            except (ValueError, TypeError) as error:
                raise CacheDamaged("a posting can't be read") from error
            found.update(zip(numbers[::2], numbers[1::2], strict=True))
        return found

    def terms(self, prefix: str) -> set[str]:
        """All terms with a one-letter prefix (`d`, `r`, `w`), without it."""
        bounds = (prefix, chr(ord(prefix) + 1))
        rows = self._rows("SELECT DISTINCT term FROM posting WHERE term >= ? AND term < ?", bounds)
        return {term[1:] for (term,) in rows}

    def add(self, structures: Sequence[tuple[str, Structure]]) -> None:
        """Store structures by key; those that another process has stored in the meantime are left as they are."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    self._add(structures)
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise CacheDamaged(str(error)) from error

    def _add(self, structures: Iterable[tuple[str, Structure]]) -> None:
        postings: dict[str, list[int]] = defaultdict(list)
        number = 0
        for key, structure in structures:
            data = zlib.compress(json.dumps(_pack(structure)).encode(), 1)
            values = (key, sum(structure.counts.values()), data)
            cursor = self._connection.execute("INSERT OR IGNORE INTO file (key, length, data) VALUES (?, ?, ?)", values)
            if cursor.rowcount == 1:
                number = cursor.lastrowid or 0
                for term, count in _terms(structure).items():
                    postings[term] += (number, count)
        # the number of the last file is that of no other batch
        rows = ((term, number, array("I", numbers).tobytes()) for term, numbers in sorted(postings.items()))
        self._connection.executemany("INSERT INTO posting (term, batch, data) VALUES (?, ?, ?)", rows)


def _terms(structure: Structure) -> dict[str, int]:
    """A file's terms with how often each occurs."""
    terms = {f"w{word}": count for word, count in structure.counts.items()}
    terms |= {f"r{name}": 1 for name in structure.references}
    terms |= {f"d{definition.short_name}": 1 for definition in structure.definitions}
    return terms


def _pack(structure: Structure) -> dict[str, Any]:
    numbers: dict[str, int] = {}
    words = [[numbers.setdefault(word, len(numbers)) for word in group] for group in structure.words]
    return {
        "d": [[d.name, d.kind, d.start, d.end, d.column, d.signature] for d in structure.definitions],
        "r": structure.references,
        "w": list(numbers),
        "o": words,
    }


def _unpack(path: str, data: Any) -> Structure:
    words = data["w"]
    return Structure(
        tuple(Definition(path, *row) for row in data["d"]),
        {name: tuple(lines) for name, lines in data["r"].items()},
        tuple(tuple(words[number] for number in group) for group in data["o"]),
    )


def _remove(path: Path | None) -> bool:
    """Remove a database with its journal; whether both are gone."""
    if path is None:
        return False
    try:
        for name in (path, path.with_name(path.name + "-journal")):
            name.unlink(missing_ok=True)
    except OSError:
        return False
    return True
