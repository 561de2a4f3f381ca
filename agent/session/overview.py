"""What a session came to, told from its journal and its lock, and the disk it takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import JournalDamaged, JournalError
from agent.files import is_locked
from agent.session.directories import JOURNAL
from agent.session.events import BackendFound, Event, ModelReplied, Result, SandboxStarted, SessionStarted
from agent.session.records import Record, read_records, timestamp

FINISHED = frozenset({"fixed", "unverified", "no_patch"})
"""The statuses of sessions that ended by themselves; their workspace is gone."""


@dataclass
class SessionOverview:
    """A session in a few words.

    `status` is the result's (`fixed`, `unverified`, `no_patch`, `budget`, `interrupted`, `error`), or `running`,
    `interrupted` where it was killed, `empty` without an event, `damaged`, `unreadable`; `damage` says what is wrong.
    Times are seconds since 1970, 0 where there are none; `disk_bytes` is what its directory takes.
    """

    id: str
    directory: Path
    status: str = "empty"
    began: float = 0.0
    last: float = 0.0
    steps: int = 0
    repository: str = ""
    issue_title: str = ""
    model: str = ""
    sandbox: str = ""
    disk_bytes: int = 0
    volume_bytes: int = 0
    damage: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs; times as UTC, or None."""
        return {
            "id": self.id,
            "status": self.status,
            "began": timestamp(self.began) if self.began else None,
            "last": timestamp(self.last) if self.last else None,
            "steps": self.steps,
            "repository": self.repository,
            "issue_title": self.issue_title,
            "model": self.model,
            "sandbox": self.sandbox,
            "disk_bytes": self.disk_bytes,
            "volume_bytes": self.volume_bytes,
            "damage": self.damage or None,
            "directory": str(self.directory),
        }

    @property
    def may_have_volume(self) -> bool:
        """Whether a Docker volume of it may be left."""
        return self.sandbox in {"docker", ""} and self.status not in FINISHED


def read_overview(directory: Path) -> SessionOverview:
    """The summary of the session in a directory; a journal that can't be read is told in it, not raised."""
    summary = SessionOverview(directory.name, directory, disk_bytes=disk_bytes(directory))
    journal = directory / JOURNAL
    running = is_running(directory)  # before it is read: one that ends meanwhile has its result then
    if not journal.exists():
        return summary
    final = None
    try:
        for record in read_records(journal):
            _add(summary, record)
            final = record.event
    except JournalError as error:
        summary.status = "damaged" if isinstance(error, JournalDamaged) else "unreadable"
        summary.damage = error.message.removeprefix(f"{journal}: ")
        return summary
    summary.status = "running" if running else _status(final)
    return summary


def _add(summary: SessionOverview, record: Record) -> None:
    event = record.event
    summary.began = summary.began or record.time
    summary.last = record.time
    match event:
        case SessionStarted():
            summary.repository = event.repository
            summary.issue_title = event.issue_title or event.issue_body.strip().partition("\n")[0]
        case ModelReplied():
            summary.steps += 1
        case BackendFound():
            summary.model = event.model
        case SandboxStarted():
            summary.sandbox = event.sandbox


def _status(final: Event | None) -> str:
    """By the last event: with a result there, the session ended; anything else was cut off."""
    if final is None:
        return "empty"
    return final.status if isinstance(final, Result) else "interrupted"


def is_running(directory: Path) -> bool:
    """Whether a process holds the session's journal now."""
    return is_locked(directory / JOURNAL)


def disk_bytes(directory: Path) -> int:
    """What a directory takes on disk, in bytes, as `du` counts: blocks, links not followed, hard links once."""
    total, seen, places = 0, set[tuple[int, int]](), [directory]
    while places:
        place = places.pop()
        try:
            total += place.lstat().st_blocks * 512
            entries = list(os.scandir(place))
        except OSError:
            continue  # gone meanwhile, or not ours to read
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                places.append(Path(entry.path))
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                total += found.st_blocks * 512
                if found.st_nlink > 1:
                    seen.add((found.st_dev, found.st_ino))
    return total
