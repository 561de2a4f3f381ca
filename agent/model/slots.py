"""A session's own slot at a server that has several, so that other requests do not evict its prompt cache.

The sessions of one machine share the slots by lock files in the program's own directory, which the kernel unlocks when
a process ends, however it ends. Where no slot is free, or the directory can't be written, the server chooses.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.files import make_private, open_locked
from agent.model.servers.base import Server
from agent.model.servers.llama_cpp import LlamaCpp
from agent.model.types import SlotChoice
from agent.user_directories import home


@contextmanager
def own_slot(server: Server) -> Iterator[None]:
    """Holds a slot for the session, where the server has several and one is free."""
    if not isinstance(server, LlamaCpp) or server.can.slots < 2:
        yield
        return
    slots = _Slots(server.address.root, server.can.slots)
    server.slot_for = slots.number
    try:
        yield
    finally:
        server.release_slot()
        slots.close()


class _Slots:
    """The slots of one server, of which one is locked, if one was free."""

    def __init__(self, root: str, count: int) -> None:
        self._count = count
        name = hashlib.sha256(root.encode()).hexdigest()[:16]
        self._prefix = home() / "slots" / name
        self._own, self._lock = -1, -1
        for number in range(count):
            if (lock := _lock(Path(f"{self._prefix}-{number}.lock"))) is not None:
                self._own, self._lock = number, lock
                return

    def number(self, choice: SlotChoice) -> int | None:
        """The slot of a request; None is the server's choice. A side request's slot is not locked while it runs."""
        if choice == "own" and self._own >= 0:
            return self._own
        if choice == "side":
            for number in range(self._count):
                if number != self._own and (lock := _lock(Path(f"{self._prefix}-{number}.lock"))) is not None:
                    os.close(lock)
                    return number
        return None

    def close(self) -> None:
        """Unlock the slot."""
        if self._lock >= 0:
            os.close(self._lock)
            self._own, self._lock = -1, -1


def _lock(path: Path) -> int | None:
    """The descriptor of a locked file; None where another process holds the lock, or it can't be locked."""
    try:
        make_private(path.parent)
        return open_locked(path)
    except OSError:
        return None
