"""The state of a persistent shell on the host's disk: what its last command left, and what the one before had left."""

from __future__ import annotations

import contextlib
from pathlib import Path

STATE_BYTES = 16 << 20
_WHOLE = b"\n# whole\n"


class ShellState:
    """Two files in `directory`, written in turn, each beginning with a line that names the command which left it.

    One that is not whole, as after a crash, does not count.
    """

    def __init__(self, directory: Path) -> None:
        self._files = (directory / "shell.state.0", directory / "shell.state.1")
        self._known: list[tuple[int, bytes]] | None = None  # by file: its number and its text

    def _states(self) -> list[tuple[int, bytes]]:
        if self._known is None:
            self._known = [_load(file) for file in self._files]
        return self._known

    def _latest(self) -> int:
        """Which of the two files has the state."""
        (first, _), (second, _) = self._states()
        return int(second > first)

    def read(self) -> bytes:
        """The text that bash takes the state over from; empty where there is none."""
        return self._states()[self._latest()][1]

    def write(self, sequence: str, state: bytes) -> None:
        """Keep what the command `sequence` left; a state that is not whole, as of a shell that was killed, is not."""
        if not state.endswith(_WHOLE) or len(state) > STATE_BYTES:
            return
        number, older = max(self._states())[0] + 1, 1 - self._latest()
        text = f"# {number} {sequence}\n".encode() + state
        self._states()[older] = (number, text)
        with contextlib.suppress(OSError):  # on a full disk only this process has it
            self._files[older].write_bytes(text)

    def last(self) -> str:
        """The command that left the state; empty where there is none."""
        return self.read().partition(b"\n")[0].decode("ascii", "replace").partition(" ")[2].partition(" ")[2]

    def rewind(self) -> None:
        """Go back to the state before the last command."""
        latest = self._latest()
        self._states()[latest] = (-1, b"")
        self._files[latest].unlink(missing_ok=True)


def _load(file: Path) -> tuple[int, bytes]:
    """A file's number and text; -1 and nothing where there is none that is whole."""
    try:
        text = file.read_bytes()
    except OSError:
        return -1, b""
    number = text.partition(b"\n")[0].split(b" ")[1:2]
    return (int(number[0]), text) if text.endswith(_WHOLE) and number and number[0].isdigit() else (-1, b"")
