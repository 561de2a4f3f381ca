"""What the sandboxes have in common: a workspace, the shells in it, an environment."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping
from typing import Protocol

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.protocol import ExecResult, Workspace

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are searched for that are not the workspace's."""
_COMMAND_SECONDS = 30.0  # for the commands of this module

# The environment of every command in every sandbox: no terminal, no pager, no prompt, and no bytecode files (two
# versions of a source file that were written in the same second would share one).
_ENVIRONMENT: Mapping[str, str] = {
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "EDITOR": "true",
    "DEBIAN_FRONTEND": "noninteractive",
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "CI": "1",
}


class Shell(Protocol):
    """Runs one command at a time. It starts with its first command, and must be opened again after it was lost."""

    async def open(self) -> None:
        """Start it. Raises `SandboxLost`."""
        ...

    async def close(self) -> None:
        """End it with all its processes."""
        ...

    async def run(self, command: str, *, stdin: bytes, timeout: float | None, capture: int) -> ExecResult:
        """Run one command; see `Sandbox.exec`. Raises `SandboxLost`."""
        ...


class ShellSandbox:
    """A `Sandbox` whose operations are commands in bash. A subclass implements `_shell` and the rest of the protocol.

    There are three shells: the model's, which is persistent; the one for tests and for the program's reads; and a
    private one. What runs in one can't reach what runs in another, nor print into what is read from it.
    """

    kind = "none"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._shells: dict[str, Shell] = {}

    def _environment(self) -> dict[str, str]:
        root = str(self.workspace.root)
        path = f"{root}/venv/bin:{SYSTEM_PATH}"
        return {**_ENVIRONMENT, "HOME": str(self.workspace.home), "PATH": path, "TMPDIR": "/tmp"}

    async def _open_shells(self) -> None:
        """See that commands run, and make the workspace's directories. Raises `SandboxUnavailable`."""
        try:
            repo, *others = map(
                shlex.quote, map(str, (self.workspace.repo, self.workspace.home, self.workspace.private))
            )
            # what a command has put in their place is none of ours
            script = f"for x in {' '.join(others)}; do {{ [ -d $x ] && [ ! -L $x ]; }} || rm -rf $x; done"
            made = await self.exec(f"{script}; mkdir -p {repo} {' '.join(others)}", timeout=_COMMAND_SECONDS)
        except SandboxLost as error:
            raise SandboxUnavailable(f"{self.kind}: {error.message}", hint=error.hint) from error
        if not made.ok:
            detail = made.output.text().strip()
            raise SandboxUnavailable(f"{self.kind}: the workspace can't be written", hint=detail)

    async def _close_shells(self) -> None:
        for shell in self._shells.values():
            await shell.close()

    async def rewind(self, seen: Container[str]) -> None:
        """See `Sandbox.rewind`."""
        raise NotImplementedError

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
        """See `Sandbox.exec`."""
        shell = self._shells["private" if private else "model" if persistent else "program"]
        return await shell.run(command, stdin=stdin, timeout=timeout, capture=capture)
