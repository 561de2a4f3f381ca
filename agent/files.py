"""Files that survive a crash and are shared between processes: written whole or not at all, and locked while in use.

A lock is `flock`'s: advisory, on an open file, and released by the kernel however its holder ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
"""The permissions of a file that only its owner may read."""
_PRIVATE_DIRECTORY = 0o700
_DEFAULT_MODE = 0o666  # what `open` asks for; the user's umask decides


def write_atomically(path: Path, data: bytes | str, *, mode: int = _DEFAULT_MODE) -> None:
    """Write a file so that after a crash it is there whole, or as it was before. Raises `OSError`.

    Text is written as UTF-8; bytes that were read with `surrogateescape` come out as they were. `mode` is the new
    file's permissions before the umask.
    """
    with open_atomically(path, mode=mode) as file:
        file.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)


def make_private(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for its owner alone. Raises `OSError`."""
    for each in reversed([directory, *directory.parents]):
        if not each.exists():
            each.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)


def close_to_others(directory: Path) -> None:
    """Take the permissions of others from a directory, where it is this user's. Raises `OSError`."""
    found = directory.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        directory.chmod(_PRIVATE_DIRECTORY)


@contextmanager
def open_atomically(path: Path, *, mode: int = _DEFAULT_MODE) -> Iterator[BinaryIO]:
    """A file to write; it replaces `path` when the block ends, and is removed when the block raises.

    Raises `OSError`. Two processes may write the same path at once: one of the two files remains, whole.
    """
    temporary = _temporary(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def may_write(path: Path) -> bool:
    """Whether this process may write to a file, or make files in a directory."""
    needed = os.W_OK | os.X_OK if path.is_dir() else os.W_OK
    return os.access(path, needed, effective_ids=os.access in os.supports_effective_ids)


def link_atomically(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, in place of the link that was there. Raises `OSError`."""
    temporary = _temporary(path)
    temporary.symlink_to(target)
    temporary.replace(path)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.new")


def open_locked(path: Path, *, create: bool = True, mode: int = PRIVATE) -> int:
    """The descriptor of a file, locked; closing it releases the lock. It does not wait for another holder.

    Raises `BlockingIOError` when another process holds the lock, another `OSError` when the file can't be opened or
    its file system has no locks. With `create` a missing file is made with the permissions `mode`.
    """
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        lock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def lock(descriptor: int, *, shared: bool = False) -> None:
    """Lock an open file, without waiting. Raises as `open_locked`."""
    fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def is_locked(path: Path) -> bool:
    """Whether another open file holds the lock of `path`; False where there is no file, or no locks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        lock(descriptor, shared=True)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
