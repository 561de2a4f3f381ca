"""What every sandbox can do, and exactly which exceptions each method may raise.

A *command* that fails is an `ExecResult` with its exit code. A *sandbox* that fails is an exception: `SandboxLost` (it
was running and is gone) or `SandboxUnavailable` (it can't be started here).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, Protocol


@dataclass(frozen=True)
class Workspace:
    """The directories of a sandbox, as absolute paths inside it."""

    root: PurePosixPath = field(default=PurePosixPath("/workspace"))

    @property
    def repo(self) -> PurePosixPath:
        """The root of the repository, in which commands start; relative paths are relative to it."""
        return self.root / "repo"

    @property
    def home(self) -> PurePosixPath:
        """`$HOME`: caches, and what the setup installs."""
        return self.root / "home"

    @property
    def private(self) -> PurePosixPath:
        """Files of the program that commands may change: scripts to run, reports of tests."""
        return self.root / ".agent"

    @property
    def kept(self) -> PurePosixPath:
        """Snapshots and the pristine copy, for `exec(private=True)` alone; other commands can't read or change it."""
        return self.root / ".kept"

    @property
    def pristine(self) -> PurePosixPath:
        """A copy of the repository before any change, which `sandbox.snapshots.Snapshots.keep_pristine` makes."""
        return self.kept / "pristine"

    @property
    def outputs(self) -> PurePosixPath:
        """One file for each command of the persistent shell, with its whole output; commands can read them."""
        return self.root / ".outputs"


@dataclass(frozen=True)
class Output:
    """What a command printed: its first and last bytes, within a bound, and how many between them were dropped.

    If nothing was dropped, `head` is everything and `tail` is empty.
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
        """Everything that was printed. Raises `ValueError` if some of it was dropped."""
        if self.dropped:
            raise ValueError(f"{self.dropped} of {self.total} bytes were dropped")
        return self.head

    def text(self) -> str:
        """The output as text, with bytes that are not UTF-8 replaced, and a mark where bytes were dropped."""
        head = self.head.decode("utf-8", "replace")
        if not self.dropped:
            return head
        return f"{head}\n[... {self.dropped} bytes left out ...]\n{self.tail.decode('utf-8', 'replace')}"


Limit = Literal["", "memory", "processes", "disk"]


@dataclass(frozen=True)
class ExecResult:
    """How a command ended.

    `ended` is `exited`, `timeout` (every process of it was killed at its limit) or `stopped` (it was cancelled).
    `exit_code` is the shell's: 128 + n for signal n. `background` is how many processes it left running. `saved` is
    the path in the sandbox of a file with the whole output; empty if it was not saved. `limit` is what was used up, for
    which the command was killed: memory, processes or space on the disk; empty if none was.
    """

    exit_code: int
    output: Output = field(default_factory=Output)
    ended: Literal["exited", "timeout", "stopped"] = "exited"
    background: int = 0
    seconds: float = 0.0
    saved: str = ""
    limit: Limit = ""

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with exit code 0."""
        return self.ended == "exited" and self.exit_code == 0 and not self.limit


class Sandbox(Protocol):
    """Runs commands that can't reach the host. `sandbox.open_sandbox` starts one and closes it.

    A method raises what its docstring lists and no other error of the sandbox; any may be cancelled.
    """

    kind: str
    workspace: Workspace

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        persistent: bool = False,
        private: bool = False,
        capture: int = 1 << 20,
    ) -> ExecResult:
        """Run a bash command in the root of the repository. Raises `SandboxLost`.

        `persistent` runs it in the session's shell, whose directory, variables and functions live on, and saves its
        whole output in a file. Any other command ends with all that it started. `private` is for commands of the
        program's own that run nothing of the repository: they alone reach `Workspace.kept`. `timeout` is in seconds,
        None for no limit. `capture` is how many bytes of the output are returned. When the call is cancelled, the
        command is killed.
        """
        ...

    async def rewind(self, seen: Container[str]) -> None:
        """Take the session's shell back to its state before its last command, unless `seen` has that command.

        `seen` holds the `saved` paths of the commands whose results were received. Raises `SandboxLost`.
        """
        ...

    async def revive(self) -> None:
        """Start it again on the same workspace after `SandboxLost`. Raises `SandboxUnavailable`."""
        ...

    async def fork(self) -> Sandbox:
        """A second sandbox on a copy of the workspace as it is now; neither reaches the other. Close it separately.

        Raises `SandboxUnavailable`; no copy is left then.
        """
        ...

    async def fresh(self) -> Sandbox:
        """A sandbox to test one change in, made from this one, which must have a pristine copy of its repository.

        Its repository is that pristine copy and its home a copy of this one's, both its own to write; all else in the
        workspace, as a virtual environment, is this one's and read-only. `Snapshots.apply` works in it, `fork` and
        the network don't. Close it separately; closing removes what is its own. Raises `SandboxUnavailable`.
        """
        ...

    async def network(self, on: bool) -> None:
        """Open or close the network, which ends all processes. It is closed at start. Raises `SandboxUnavailable`."""
        ...

    async def close(self, *, keep: bool) -> None:
        """End every process and, without `keep`, remove the workspace. Raises nothing, also if all is gone already."""
        ...
