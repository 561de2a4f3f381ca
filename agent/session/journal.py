"""The append-only record of a session: `journal.jsonl`, one event a line, on disk before anything relies on it.

A line is `{"v":1,"n":N,"t":T,"crc":"XXXXXXXX","event":{…}}`: version, number from 0, seconds since 1970, CRC-32 of
the event's bytes as they stand in the line. A torn last line is dropped; any other damage is told with its number.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from agent.errors import JournalDamaged, JournalError, JournalWriteFailed
from agent.session.events import EVENT, VERSION, Event

_LINE = re.compile(rb'^\{"v":(\d+),"n":(\d+),"t":([\d.]+),"crc":"([0-9a-f]{8})","event":(\{.*\})\}$')


def _encode(number: int, event: Event, secrets: Iterable[str]) -> bytes:
    body = EVENT.dump_json(event)
    for secret in secrets:
        for form in {secret.encode(), *(json.dumps(secret, ensure_ascii=a)[1:-1].encode() for a in (True, False))}:
            body = body.replace(form, b"***")
    head = f'{{"v":{VERSION},"n":{number},"t":{time.time():.3f},"crc":"{zlib.crc32(body):08x}","event":'
    return head.encode() + body + b"}\n"


def _decode(line: bytes, number: int) -> Event:
    """The event in a line; a `ValueError` when the line is not whole."""
    match = _LINE.match(line)
    if not match:
        raise ValueError("not a journal line")
    if int(match[1]) > VERSION:
        raise JournalError(f"the journal is of version {int(match[1])}, newer than this program", hint="update it")
    if int(match[2]) != number or int(match[4], 16) != zlib.crc32(match[5]):
        raise ValueError("number or checksum do not match")
    try:
        return EVENT.validate_json(match[5])
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors()[0]['msg']}") from error


def load(path: Path) -> tuple[list[Event], int]:
    """The events of a journal and how many bytes of it they take; a torn last line is left out.

    Raises `JournalDamaged` with the number of a line that can't be read before the last.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalDamaged(f"{path} can't be read: {error.strerror}") from error
    events: list[Event] = []
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            break
        try:
            events.append(_decode(data[at:end], len(events)))
        except ValueError as error:
            if end + 1 >= len(data):
                break
            where = f"line {len(events) + 1} (byte {at})"
            raise JournalDamaged(f"{path}: {where} is damaged: {error}") from error
        at = end + 1
    return events, at


_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Journal:
    """A journal open for appending; one process at a time. Use it as a context manager."""

    def __init__(self, path: Path, *, secrets: Iterable[str] = ()) -> None:
        self.path = path
        self.events: list[Event] = []
        self._secrets = [secret for secret in secrets if len(secret) >= 6]
        self._file = -1

    def __enter__(self) -> Journal:
        """Open or make it. Raises `JournalDamaged`, `JournalWriteFailed`, `JournalError` when another has it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalWriteFailed(f"{self.path} can't be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._close()
            raise JournalError(f"the session {self.path.parent.name} is in use by another process") from error
        try:
            self.events, whole = load(self.path)
            os.ftruncate(self._file, whole)  # mends a torn last line
            os.lseek(self._file, 0, os.SEEK_END)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def append(self, *events: Event) -> None:
        """Write events and flush them to disk. Raises `JournalWriteFailed`; what was there before is intact."""
        start = len(self.events)
        lines = [_encode(start + i, event, self._secrets) for i, event in enumerate(events)]
        data = b"".join(lines)
        before = os.lseek(self._file, 0, os.SEEK_CUR)
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(28, "No space left on device")
            _sync(self._file)
        except OSError as error:
            self._undo(before)
            raise JournalWriteFailed(
                f"{self.path} can't be written: {error.strerror}", hint="free some disk, then resume"
            ) from error
        self.events.extend(events)

    def _undo(self, size: int) -> None:
        try:
            os.ftruncate(self._file, size)
            os.lseek(self._file, size, os.SEEK_SET)
        except OSError:
            return  # the torn line is dropped at the next load
