"""A session's own slot at a server that has several, so that what others ask does not drop what it has read.

Sessions of one machine agree on who has which slot by locks in the program's own directory; the kernel lets go of them
when a process ends, however it ends. Where no slot is free, or the directory can't be written, the server chooses.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.files import open_locked
from agent.model.servers.base import Server
from agent.model.servers.llama_cpp import LlamaCpp
from agent.model.types import SlotChoice
from agent.user_directories import home


@contextmanager
def own_slot(server: Server) -> Iterator[None]:
    """Claims a slot for the session while it lasts, where the server has several and one is free."""
    if not isinstance(server, LlamaCpp) or server.can.slots < 2:
        yield
        return
    slots = _Slots(server.address.root, server.can.slots)
    server.slot_for = slots.number
    try:
        yield
    finally:
        server.let_go()
        slots.close()


class _Slots:
    """The slots of one server, one of them locked, if there was one to lock."""

    def __init__(self, root: str, count: int) -> None:
        self._count = count
        name = hashlib.sha256(root.encode()).hexdigest()[:16]
        self._place = home() / "slots" / name
        self._own, self._lock = -1, -1
        for number in range(count):
            if (lock := _lock(Path(f"{self._place}-{number}.lock"))) is not None:
                self._own, self._lock = number, lock
                return

    def number(self, whose: SlotChoice) -> int | None:
        """Which slot a request is for; None is the server's choice. One beside the own is not kept from others."""
        if whose == "own" and self._own >= 0:
            return self._own
        if whose == "side":
            for number in range(self._count):
                if number != self._own and (lock := _lock(Path(f"{self._place}-{number}.lock"))) is not None:
                    os.close(lock)
                    return number
        return None

    def close(self) -> None:
        """Let others have the slot."""
        if self._lock >= 0:
            os.close(self._lock)
            self._own, self._lock = -1, -1


def _lock(path: Path) -> int | None:
    """The open file of a lock that is ours now; None where another has it, or it can't be had."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open_locked(path)
    except OSError:
        return None
