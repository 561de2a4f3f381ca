"""The session's changes as the host keeps them: a patch from the base commit for each tree, to make a workspace again.

In the session's directory `changes/TREE.patch` holds each, and `workspace.patch` leads to the latest. Each is a whole
patch, so a long session's take more and more: beyond a quota the oldest go.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from agent.errors import JournalWriteFailed
from agent.files import PRIVATE, link_atomically, write_atomically

LATEST = "workspace.patch"
QUOTA = 256 << 20
"""Bytes that the kept changes of a session may take; where they take more, the oldest are removed down to a half."""
_TREE = re.compile(r"[0-9a-f]{40,64}")


class PatchStore:
    """The kept changes of one session."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: int | None = None  # bytes, once they were counted

    def _file(self, tree: str) -> Path:
        return self._directory / "changes" / f"{tree}.patch"

    def write(self, tree: str, patch: bytes) -> None:
        """Put a tree's change on disk, whole or not at all. Raises `JournalWriteFailed`."""
        place = self._file(tree)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                write_atomically(place, patch, mode=PRIVATE)
                self._count(len(patch))
            self._point_to(place)
        except OSError as error:
            raise JournalWriteFailed(
                f"{place} can't be written: {error.strerror}", hint="free some disk, then resume"
            ) from error

    def _count(self, more: int) -> None:
        """Keep within the quota, of which `more` was just used by the latest."""
        self._held = sum(size for _, size, _ in self._kept()) if self._held is None else self._held + more
        if self._held <= QUOTA:
            return
        for _, size, place in sorted(self._kept())[:-1]:
            if self._held <= QUOTA // 2:
                break
            place.unlink(missing_ok=True)
            self._held -= size

    def _kept(self) -> list[tuple[int, int, Path]]:
        """When each was written, its bytes, and where it is."""
        found = [(each.stat(), each) for each in (self._directory / "changes").glob("*.patch")]
        return [(stat.st_mtime_ns, stat.st_size, place) for stat, place in found]

    def _point_to(self, place: Path) -> None:
        link_atomically(self._directory / LATEST, place.relative_to(self._directory))

    def forget_latest(self) -> None:
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
