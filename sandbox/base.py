"""What the three sandboxes share: a workspace, a persistent shell in it, an environment."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping
from typing import Literal

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.channel import Channel
from sandbox.protocol import ExecResult, Workspace
from sandbox.shell import Shell, supervisor_argv

PATH = "/workspace/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What a command finds in its environment, the same in every sandbox: no terminal, no pager, no prompt, no
# bytecode files (two versions of a file written in the same second would share one).
ENVIRONMENT: Mapping[str, str] = {
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
    """A sandbox whose every operation is a command in its shell. Subclasses say how to reach one."""

    kind = "none"
    scope: Literal["namespace", "marked"] = "namespace"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        # The model's shell and the program's own: what a background job of the model prints must not get into
        # what the program reads, and its processes stay out of the program's reach where they can.
        self._shells = {
            True: Shell(workspace, self._connect, "shell"),
            False: Shell(workspace, self._connect, "program"),
        }

    async def _connect(self, name: str) -> Channel:
        """Start the supervisor called `name` and return the channel to it."""
        raise NotImplementedError

    def _argv(self, name: str) -> list[str]:
        return supervisor_argv(self.workspace, self.scope, name)

    def _environment(self) -> dict[str, str]:
        root = str(self.workspace.root)
        path = PATH.replace("/workspace", root)
        return {**ENVIRONMENT, "HOME": str(self.workspace.home), "PATH": path, "TMPDIR": "/tmp"}

    async def _open_shells(self) -> None:
        """Open the shells and make the workspace's folders. Raises `SandboxUnavailable`."""
        try:
            for shell in self._shells.values():
                await shell.open()
            places = (self.workspace.repo, self.workspace.home, self.workspace.outputs)
            made = await self.exec(f"mkdir -p {shlex.join(map(str, places))}", timeout=30)
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
        place = shlex.quote(str(self.workspace.private / "shell"))
        told = await self.exec(f"head -n 1 {place}/state 2>/dev/null", timeout=30)
        mark, _, sequence = told.output.text().strip().partition(" ")
        if mark == "#" and str(self.workspace.outputs / f"{sequence}.log") not in seen:
            back = "if [ -f state.before ]; then mv -f state.before state; else rm -f state; fi"
            await self.exec(f"cd {place} && {back}", timeout=30)

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
