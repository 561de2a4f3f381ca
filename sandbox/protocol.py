"""What every sandbox can do, and the exceptions each method may raise.

Two kinds of failure are kept apart: a *command* that fails is an `ExecResult` with its exit code; a *sandbox*
that fails is `SandboxLost` (it was there and is gone) or `SandboxUnavailable` (it can't be started here).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, Protocol


@dataclass(frozen=True)
class Workspace:
    """Where things lie inside a sandbox; every path is absolute there."""

    root: PurePosixPath = field(default=PurePosixPath("/workspace"))

    @property
    def repo(self) -> PurePosixPath:
        """The repository's root: where commands start, and what relative paths are relative to."""
        return self.root / "repo"

    @property
    def home(self) -> PurePosixPath:
        """`$HOME`: caches and what the setup installs."""
        return self.root / "home"

    @property
    def private(self) -> PurePosixPath:
        """The program's own files: shell state, outputs, snapshots."""
        return self.root / ".agent"

    @property
    def outputs(self) -> PurePosixPath:
        """Whole outputs of commands, one file each."""
        return self.private / "outputs"


@dataclass(frozen=True)
class Output:
    """What a command printed: head and tail within the bound, and how much there was.

    `head` is everything when nothing was cut (`dropped` is 0, `tail` empty). Sizes are in bytes.
    """

    head: bytes = b""
    tail: bytes = b""
    dropped: int = 0

    @property
    def total(self) -> int:
        """Bytes printed in all."""
        return len(self.head) + self.dropped + len(self.tail)

    @property
    def whole(self) -> bytes:
        """Everything that was printed; a `ValueError` when some of it was dropped."""
        if self.dropped:
            raise ValueError(f"{self.dropped} of {self.total} bytes were dropped")
        return self.head

    def text(self) -> str:
        """The output as text, bytes that are not UTF-8 replaced, with a mark where some was dropped."""
        head = self.head.decode("utf-8", "replace")
        if not self.dropped:
            return head
        return f"{head}\n[... {self.dropped} bytes left out ...]\n{self.tail.decode('utf-8', 'replace')}"


@dataclass(frozen=True)
class ExecResult:
    """How a command ended.

    `ended` is `exited`, `timeout` (its limit passed and every process of it was killed) or `stopped` (cancelled).
    `exit_code` is the shell's: 128 + n for signal n. `background` counts processes it left running.
    `saved` is the file in the sandbox that holds the whole output, if it was kept.
    """

    exit_code: int
    output: Output = field(default_factory=Output)
    ended: Literal["exited", "timeout", "stopped"] = "exited"
    background: int = 0
    seconds: float = 0.0
    saved: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with exit code 0."""
        return self.ended == "exited" and self.exit_code == 0


class Sandbox(Protocol):
    """A place to run commands that can't reach the host. Use it as an async context manager."""

    kind: str
    workspace: Workspace

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        persistent: bool = False,
        capture: int = 1 << 20,
    ) -> ExecResult:
        """Run a bash command with the repository's root as its directory.

        `persistent`: in the session's shell, whose directory, variables and functions live on, and with the whole
        output saved in a file. `timeout` in seconds; None is no limit. `capture` is how many bytes of output are
        kept in memory. Raises `SandboxLost`.
        """
        ...

    async def rewind(self, seen: Container[str]) -> None:
        """Take the session's shell back to what it was before its last command, unless that one was seen.

        `seen` are the files with the outputs of commands whose end was seen. Raises `SandboxLost`.
        """
        ...

    async def revive(self) -> None:
        """Start it again on the same workspace after `SandboxLost`. Raises `SandboxUnavailable`."""
        ...

    async def fork(self) -> Sandbox:
        """A second sandbox on a copy of the workspace as it is now, out of this one's reach; closed on its own.

        Raises `SandboxUnavailable`.
        """
        ...

    async def network(self, on: bool) -> None:
        """Open or close the network; it is closed at start. Ends all processes. Raises `SandboxUnavailable`."""
        ...

    async def close(self, *, keep: bool) -> None:
        """End every process; without `keep`, remove the workspace too. Never raises for what is already gone."""
        ...
