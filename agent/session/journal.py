"""The append-only record of a session: `journal.jsonl`, one event on each line, on disk before anything relies on it.

A line is `{"v":1,"n":N,"t":T,"len":L,"crc":"XXXXXXXX","event":{…}}`: version, number from 0, seconds since 1970,
length and CRC-32 of the event's bytes in the line. An incomplete last line is dropped; any other damage is reported
with its line number. A process that has the journal open holds its lock, and describes itself in the file `holder`
beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from agent.errors import JournalDamaged, JournalError, JournalWriteFailed, SessionInUse
from agent.files import PRIVATE, close_to_others, lock, make_private, write_atomically
from agent.session.events import EVENT, VERSION, Event

_DAMAGE_HINT = "restore the file from a backup, or start again with `swe-agent fix`"
_LINE = re.compile(rb'^\{"v":(\d+),"n":(\d+),"t":([\d.]+),(?:"len":(\d+),)?"crc":"([0-9a-f]{8})","event":(\{.*\})\}$')


def _encode(number: int, event: Event, at: float) -> bytes:
    """The line of an event written at the time `at`."""
    body = EVENT.dump_json(event)
    head = f'{{"v":{VERSION},"n":{number},"t":{at:.3f},"len":{len(body)},"crc":"{zlib.crc32(body):08x}","event":'
    return head.encode() + body + b"}\n"


def _decode(line: bytes, number: int) -> tuple[Event, float]:
    """The event in a line and its time. Raises `ValueError` if the line is damaged, `JournalError` if it is newer."""
    match = _LINE.match(line)
    if not match:
        raise ValueError("not a journal line")
    if int(match[1]) > VERSION:
        raise JournalError(
            f"the journal is of version {int(match[1])}, newer than this program", hint="update this program"
        )
    length = int(match[4] or len(match[6]))  # missing in the first journals
    if int(match[2]) != number or length != len(match[6]) or int(match[5], 16) != zlib.crc32(match[6]):
        raise ValueError("number, length or checksum do not match")
    try:
        return EVENT.validate_json(match[6]), float(match[3])
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors()[0]['msg']}") from error


def load(path: Path) -> tuple[list[Event], int]:
    """The events of a journal, and how many bytes they take; an incomplete last line is left out.

    Raises `JournalDamaged` with the number of a damaged line before the last, `JournalError` for a journal of a newer
    version.
    """
    timed, size = load_timed(path)
    return [event for event, _ in timed], size


def load_timed(path: Path) -> tuple[list[tuple[Event, float]], int]:
    """`load`, each event with its time in seconds since 1970."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalDamaged(f"{path} can't be read: {error.strerror}", hint=_DAMAGE_HINT) from error
    events: list[tuple[Event, float]] = []
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
            raise JournalDamaged(f"{path}: {where} is damaged: {error}", hint=_DAMAGE_HINT) from error
        at = end + 1
    return events, at


_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def sync_directory(path: Path) -> None:
    """Write a directory to disk, so that a new file in it survives a power loss. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _holder_file(path: Path) -> Path:
    return path.with_name("holder")


def holder(path: Path) -> str:
    """Which process has the journal `path` open, as ` (process 123, since …)`; empty if that is unknown."""
    try:
        found = json.loads(_holder_file(path).read_text(encoding="utf-8"))
        return f" (process {int(found['pid'])}, since {found['since']})"
    except (OSError, ValueError, TypeError, KeyError):
        return ""


class Journal:
    """A journal, open for appending while its context lasts; one process at a time.

    Secrets are masked in the events before they come here (`Session.emit`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []
        self.times: list[float] = []  # of the events, in seconds since 1970
        self._file = -1

    def __enter__(self) -> Journal:
        """Open or create it.

        Raises `JournalError`, `JournalDamaged`, `JournalWriteFailed`, and `SessionInUse` if another process has it.
        """
        try:
            new = not self.path.exists()
            make_private(self.path.parent)
            close_to_others(self.path.parent)  # earlier versions left it open
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if new:
                sync_directory(self.path.parent)
        except OSError as error:
            raise JournalWriteFailed(f"{self.path} can't be written: {error.strerror}") from error
        try:
            lock(self._file)
        except OSError as error:
            self._close()
            name, who = self.path.parent.name, holder(self.path)
            raise SessionInUse(f"the session {name} is in use by another process{who}") from error
        try:
            timed, size = load_timed(self.path)
            self.events = [event for event, _ in timed]
            self.times = [at for _, at in timed]
            os.ftruncate(self._file, size)  # drops an incomplete last line
            os.lseek(self._file, 0, os.SEEK_END)
        except BaseException:
            self._close()
            raise
        self._write_holder()
        return self

    def _write_holder(self) -> None:
        """Describe this process in the holder file. It is for people to read, so a failure is ignored."""
        text = json.dumps({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")})
        with contextlib.suppress(OSError):
            write_atomically(_holder_file(self.path), text, mode=PRIVATE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        with contextlib.suppress(OSError):
            _holder_file(self.path).unlink()
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def append(self, *events: Event) -> None:
        """Write events and flush them to disk. Raises `JournalWriteFailed`; the journal is as it was before then."""
        now = time.time()
        self.append_timed((event, now) for event in events)

    def append_timed(self, timed: Iterable[tuple[Event, float]]) -> None:
        """`append` with a given time for each event, in seconds since 1970."""
        events = list(timed)
        start = len(self.events)
        lines = [_encode(start + i, event, at) for i, (event, at) in enumerate(events)]
        data = b"".join(lines)
        before = os.lseek(self._file, 0, os.SEEK_CUR)
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(28, "No space left on device")
            _sync(self._file)
        except OSError as error:
            self._truncate(before)
            raise JournalWriteFailed(
                f"{self.path} can't be written: {error.strerror}", hint="free some disk, then resume"
            ) from error
        self.events.extend(event for event, _ in events)
        self.times.extend(at for _, at in events)

    def _truncate(self, size: int) -> None:
        """Remove what was written after the first `size` bytes."""
        try:
            os.ftruncate(self._file, size)
            os.lseek(self._file, size, os.SEEK_SET)
        except OSError:
            return  # the incomplete line is dropped at the next load
