"""What the sandboxes have in common: a workspace, two shells in it, an environment."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping
from typing import Literal

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.channel import Channel
from sandbox.protocol import ExecResult, Workspace
from sandbox.shell import Shell, supervisor_argv

_PATH = "/workspace/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
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


class ShellSandbox:
    """A `Sandbox` whose operations are commands in bash. A subclass implements `_connect` and the rest of the protocol.

    `scope` says how the processes of a command are recognised (`sandbox.shell.supervisor_argv`).
    """

    kind = "none"
    scope: Literal["namespace", "marked"] = "namespace"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        # The model's shell and the program's own: what a background job of the model prints must not get into
        # what the program reads.
        self._shells = {
            True: Shell(workspace, self._connect, "shell"),
            False: Shell(workspace, self._connect, "program"),
        }

    async def _connect(self, name: str) -> Channel:
        """Start the supervisor by `self._argv(name)` and return the channel to it. Raises `SandboxLost`."""
        raise NotImplementedError

    def _argv(self, name: str) -> list[str]:
        return supervisor_argv(self.workspace, self.scope, name)

    def _environment(self) -> dict[str, str]:
        root = str(self.workspace.root)
        path = _PATH.replace("/workspace", root)
        return {**_ENVIRONMENT, "HOME": str(self.workspace.home), "PATH": path, "TMPDIR": "/tmp"}

    async def _open_shells(self) -> None:
        """Open the shells and make the workspace's directories. Raises `SandboxUnavailable`."""
        try:
            for shell in self._shells.values():
                await shell.open()
            directories = (self.workspace.repo, self.workspace.home, self.workspace.outputs)
            made = await self.exec(f"mkdir -p {shlex.join(map(str, directories))}", timeout=_COMMAND_SECONDS)
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
        directory = shlex.quote(str(self.workspace.private / "shell"))
        first_line = await self.exec(f"head -n 1 {directory}/state 2>/dev/null", timeout=_COMMAND_SECONDS)
        mark, _, sequence = first_line.output.text().strip().partition(" ")
        if mark == "#" and str(self.workspace.outputs / f"{sequence}.log") not in seen:
            restore = "if [ -f state.before ]; then mv -f state.before state; else rm -f state; fi"
            await self.exec(f"cd {directory} && {restore}", timeout=_COMMAND_SECONDS)

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        persistent: bool = False,
        capture: int = 1 << 20,
    ) -> ExecResult:
        """See `Sandbox.exec`."""
        return await self._shells[persistent].run(
            command, stdin=stdin, timeout=timeout, persistent=persistent, capture=capture
        )
