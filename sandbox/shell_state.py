"""The state of a persistent shell on the host's disk: what its last command left, and what the one before had left."""

from __future__ import annotations

import contextlib
from pathlib import Path

STATE_BYTES = 16 << 20
_WHOLE = b"\n# whole\n"


class ShellState:
    """Two files in `directory`, each beginning with a line that names the command which left it."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "shell.state"
        self._before = directory / "shell.state.before"

    def read(self) -> bytes:
        """The text that bash takes the state over from; empty where there is none."""
        try:
            return self._file.read_bytes()
        except OSError:
            return b""

    def write(self, sequence: str, state: bytes) -> None:
        """Keep what the command `sequence` left; a state that is not whole, as of a shell that was killed, is not."""
        if not state.endswith(_WHOLE) or len(state) > STATE_BYTES:
            return
        with contextlib.suppress(OSError):  # a full disk: the state before stays
            new = self._file.with_suffix(".new")
            new.write_bytes(f"# {sequence}\n".encode() + state)
            with contextlib.suppress(FileNotFoundError):
                self._file.replace(self._before)
            new.replace(self._file)

    def last(self) -> str:
        """The command that left the state; empty where there is none."""
        mark, _, sequence = self.read().partition(b"\n")[0].decode("ascii", "replace").partition(" ")
        return sequence if mark == "#" else ""

    def rewind(self) -> None:
        """Go back to the state before the last command."""
        with contextlib.suppress(OSError):
            try:
                self._before.replace(self._file)
            except FileNotFoundError:
                self._file.unlink()
