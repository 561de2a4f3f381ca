"""The patches of a session's snapshots, stored on the host so that a lost workspace can be restored.

In the session's directory, `changes/TREE.patch` is the patch from the base commit to the snapshot TREE, and
`workspace.patch` is a link to the latest one. Every one is a whole patch, so the oldest are removed beyond a quota.

The patches in events have their bytes in `patches/SHA256.patch`, named by the text that the journal has: that text is
masked where a secret of the process stands in it, and has replacement characters for bytes that are not UTF-8.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from agent.errors import JournalWriteFailed
from agent.files import PRIVATE, link_atomically, make_private, write_atomically
from agent.redaction import MASKED

LATEST = "workspace.patch"
"""The name of the link to the latest patch."""
QUOTA = 256 << 20
"""The bytes that a session's patches may take; beyond it, the oldest are removed until half of it is used."""
EVENTS = "patches"
"""The name of the directory with the bytes of the patches in events."""
_TREE = re.compile(r"[0-9a-f]{40,64}")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """An `OSError` while a file is written becomes `JournalWriteFailed`."""
    try:
        yield
    except OSError as error:
        raise JournalWriteFailed(
            f"{path} can't be written: {error.strerror}", hint="free some disk, then resume"
        ) from error


class PatchStore:
    """The stored patches of one session, given its directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bytes: int | None = None  # of all patches; None until they are counted

    def _file(self, tree: str) -> Path:
        return self._directory / "changes" / f"{tree}.patch"

    def write(self, tree: str, patch: bytes) -> None:
        """Store the patch of a tree and make it the latest, atomically. Raises `JournalWriteFailed`."""
        path = self._file(tree)
        with _told(path):
            make_private(path.parent)
            if not path.exists():
                write_atomically(path, patch, mode=PRIVATE)
                self._enforce_quota(len(patch))
            link_atomically(self._directory / LATEST, path.relative_to(self._directory))

    def write_original(self, shown: str, patch: bytes) -> None:
        """Store the bytes of the patch that the journal has as the text `shown`. Raises `JournalWriteFailed`."""
        path = self._original(shown)
        with _told(path):
            make_private(path.parent)
            write_atomically(path, patch, mode=PRIVATE)

    def original(self, shown: str) -> bytes | None:
        """The bytes of the patch that the journal has as the text `shown`.

        Where they are not stored, as in sessions of earlier versions, the text itself; None where that may be masked.
        """
        try:
            return self._original(shown).read_bytes()
        except OSError:
            return None if MASKED in shown else shown.encode("utf-8", "replace")

    def has_original(self, shown: str) -> bool:
        """Whether those bytes are stored."""
        return self._original(shown).is_file()

    def _original(self, shown: str) -> Path:
        name = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()
        return self._directory / EVENTS / f"{name}.patch"

    def _enforce_quota(self, added: int) -> None:
        """Remove the oldest patches if the quota is exceeded, now that `added` bytes were written."""
        self._bytes = sum(size for _, size, _ in self._patches()) if self._bytes is None else self._bytes + added
        if self._bytes <= QUOTA:
            return
        for _, size, path in sorted(self._patches())[:-1]:
            if self._bytes <= QUOTA // 2:
                break
            path.unlink(missing_ok=True)
            self._bytes -= size

    def _patches(self) -> list[tuple[int, int, Path]]:
        """Each patch's modification time in nanoseconds, its size in bytes and its path."""
        found = [(each.stat(), each) for each in (self._directory / "changes").glob("*.patch")]
        return [(stat.st_mtime_ns, stat.st_size, path) for stat, path in found]

    def forget_latest(self) -> None:
        """Remove the link to the latest patch, since the present one is too long to be stored."""
        with contextlib.suppress(OSError):
            (self._directory / LATEST).unlink(missing_ok=True)

    def read(self, tree: str) -> bytes | None:
        """The patch from the base commit to a tree; None if it is not stored."""
        if not _TREE.fullmatch(tree):
            return None
        try:
            return self._file(tree).read_bytes()
        except OSError:
            return None
