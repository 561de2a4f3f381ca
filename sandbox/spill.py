"""The file with a command's whole output, and the thread that goes on filling it for jobs in the background."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from pathlib import Path

_CHUNK_BYTES = 1 << 18


class Spill:
    """A file that takes up to `limit` bytes; what comes after, or after an error of the disk, is dropped."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._left = limit
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)

    def write(self, data: bytes) -> None:
        """Append as much as there is room for."""
        if self._descriptor < 0:
            return
        data = data[: self._left]
        try:
            self._left -= os.write(self._descriptor, data)
        except OSError:
            self._left = 0
        if self._left <= 0:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class SpillDrain:
    """Reads the pipes of jobs that are left in the background, so that they never wait for a reader."""

    def __init__(self) -> None:
        self._pipes: dict[int, Spill] = {}
        self._lock = threading.Lock()
        self._ready: select.epoll | None = None
        self._wakeup = -1

    def take(self, pipe: int, spill: Spill) -> None:
        """Go on reading `pipe` into `spill` until nothing writes to it any more; closes both then."""
        with self._lock:
            if self._ready is None:
                self._ready = select.epoll()
                end, self._wakeup = os.pipe2(os.O_CLOEXEC)
                self._ready.register(end, select.EPOLLIN)
                self._pipes = {}
                given = (self._ready, end, self._pipes)
                thread = threading.Thread(target=_drain, args=given, daemon=True, name="spill")
                thread.start()
            self._pipes[pipe] = spill
            self._ready.register(pipe, select.EPOLLIN)

    def close(self) -> None:
        """End the thread; the pipes are closed."""
        with self._lock:
            self._ready = None
            if self._wakeup >= 0:
                os.close(self._wakeup)
            self._wakeup = -1


def _drain(ready: select.epoll, end: int, pipes: dict[int, Spill]) -> None:
    """Read `pipes` until the other side of the pipe `end` is closed."""
    ended = False
    while not ended:
        for descriptor, _ in ready.poll():
            if descriptor == end:
                ended = True
                continue
            data = b""
            with contextlib.suppress(OSError):
                data = os.read(descriptor, _CHUNK_BYTES)
            if data:
                pipes[descriptor].write(data)
            else:
                _forget(descriptor, pipes)
    os.close(end)
    ready.close()
    for descriptor in list(pipes):
        _forget(descriptor, pipes)


def _forget(descriptor: int, pipes: dict[int, Spill]) -> None:
    os.close(descriptor)
    pipes.pop(descriptor).close()
