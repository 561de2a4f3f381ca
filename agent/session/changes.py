"""The session's changes as the host keeps them: a patch from the base commit for each tree, to make a workspace again.

In the session's directory `changes/TREE.patch` holds each, and `workspace.patch` leads to the latest.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from agent.errors import JournalWriteFailed

LATEST = "workspace.patch"
_TREE = re.compile(r"[0-9a-f]{40,64}")


class Changes:
    """The kept changes of one session."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _file(self, tree: str) -> Path:
        return self._directory / "changes" / f"{tree}.patch"

    def keep(self, tree: str, patch: bytes) -> None:
        """Put a tree's change on disk, whole or not at all. Raises `JournalWriteFailed`."""
        place = self._file(tree)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                write_whole(place, patch)
            self._point_to(place)
        except OSError as error:
            raise JournalWriteFailed(
                f"{place} can't be written: {error.strerror}", hint="free some disk, then resume"
            ) from error

    def _point_to(self, place: Path) -> None:
        latest = self._directory / LATEST
        new = latest.with_name(f"{LATEST}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(place.relative_to(self._directory))
        new.replace(latest)

    def give_up(self) -> None:
        """The latest change is not kept: it is too long."""
        with contextlib.suppress(OSError):
            (self._directory / LATEST).unlink(missing_ok=True)

    def read(self, tree: str) -> bytes | None:
        """The change that leads from the base commit to a tree; None where it was not kept."""
        if not _TREE.fullmatch(tree):
            return None
        try:
            return self._file(tree).read_bytes()
        except OSError:
            return None


def write_whole(place: Path, data: bytes) -> None:
    """Write a file so that after a crash it is there as a whole or as it was before. Raises `OSError`."""
    new = place.with_name(f"{place.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(place)
