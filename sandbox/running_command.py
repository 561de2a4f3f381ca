"""The host's ends of a command's pipes, and the descriptors that are passed on to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass, field

from sandbox.capture import Capture
from sandbox.shell_state import STATE_BYTES
from sandbox.spill import Spill

_CHUNK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20


@dataclass
class RunningCommand:
    """The host's ends of one command's pipes, and what was read from them."""

    capture: Capture
    output: int
    state: int = -1
    collected: bytearray = field(default_factory=bytearray)
    spill: Spill | None = None
    open: bool = True
    ended: bool = False

    def read_output(self) -> bool:
        """Read what is there; whether there was something."""
        try:
            data = os.read(self.output, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self.open = False
            return False
        self.capture.add(data)
        if self.spill is not None:
            self.spill.write(data)
        return True

    def read_state(self) -> bool:
        """As `read_output`, for the state; one that is too long is given up."""
        if self.state < 0:
            return False
        try:
            data = os.read(self.state, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self.collected += data
        if not data or len(self.collected) > STATE_BYTES:
            os.close(self.state)
            self.state = -1
        return bool(data)


def memory_file(data: bytes) -> int:
    """A descriptor of a file in memory with `data`, at its beginning."""
    descriptor = os.memfd_create("input")
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def output_pipe() -> tuple[int, int]:
    """A pipe for output, as large as allowed; its end to read does not block."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(ours, False)
    with contextlib.suppress(OSError):
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return ours, theirs
