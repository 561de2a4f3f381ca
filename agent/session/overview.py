"""An overview of a session, from its journal, its lock and its directory."""

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
"""The statuses of sessions that are complete; their workspace is removed."""


@dataclass
class SessionOverview:
    """What a list of sessions shows of one.

    `status` is the result's (`fixed`, `unverified`, `no_patch`, `budget`, `interrupted`, `error`), or `running`,
    `interrupted` if it was killed, `empty` without events, `damaged` or `unreadable`, for which `damage` has the
    reason. `began` and `last` are the times of the first and the last event in seconds since 1970, 0 without events.
    `disk_bytes` is what its directory takes, `volume_bytes` what its Docker volume takes.
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
        """The overview as a JSON object; times are UTC, or None."""
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
        """Whether it may have left a Docker volume."""
        return self.sandbox in {"docker", ""} and self.status not in FINISHED


def read_overview(directory: Path) -> SessionOverview:
    """The overview of the session in a directory. An unreadable journal is a status, never an exception."""
    overview = SessionOverview(directory.name, directory, disk_bytes=disk_bytes(directory))
    journal = directory / JOURNAL
    running = is_running(directory)  # asked before reading: a session that ends in between has its result then
    if not journal.exists():
        return overview
    final = None
    try:
        for record in read_records(journal):
            _add(overview, record)
            final = record.event
    except JournalError as error:
        overview.status = "damaged" if isinstance(error, JournalDamaged) else "unreadable"
        overview.damage = error.message.removeprefix(f"{journal}: ")
        return overview
    overview.status = "running" if running else _status(final)
    return overview


def _add(overview: SessionOverview, record: Record) -> None:
    event = record.event
    overview.began = overview.began or record.time
    overview.last = record.time
    match event:
        case SessionStarted():
            overview.repository = event.repository
            overview.issue_title = event.issue_title or event.issue_body.strip().partition("\n")[0]
        case ModelReplied():
            overview.steps += 1
        case BackendFound():
            overview.model = event.model
        case SandboxStarted():
            overview.sandbox = event.sandbox


def _status(final: Event | None) -> str:
    """The status by the last event; a session without a result was cut off."""
    if final is None:
        return "empty"
    return final.status if isinstance(final, Result) else "interrupted"


def is_running(directory: Path) -> bool:
    """Whether a process has the session's journal open for writing."""
    return is_locked(directory / JOURNAL)


def disk_bytes(directory: Path) -> int:
    """The bytes that a directory takes on disk, counted as `du` does: in blocks, hard links once, no links followed."""
    total, seen, pending = 0, set[tuple[int, int]](), [directory]
    while pending:
        path = pending.pop()
        try:
            total += path.lstat().st_blocks * 512
            entries = list(os.scandir(path))
        except OSError:
            continue  # removed in the meantime, or not readable
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
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
