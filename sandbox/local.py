"""No isolation: commands run on the host, as the user. Only when asked for by name."""

from __future__ import annotations

import os
import shlex
from pathlib import Path, PurePosixPath

import anyio

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.channel import Channel, ProcessChannel
from sandbox.directory_trees import copy_tree, make_workspace, remove_tree
from sandbox.protocol import Workspace


class LocalSandbox(ShellSandbox):
    """Commands in a plain bash of the host, on a copy of the repository."""

    kind = "local"
    scope = "marked"

    def __init__(self, directory: Path) -> None:
        super().__init__(Workspace(PurePosixPath(str(directory.resolve()))))
        self.directory = directory

    @classmethod
    async def start(cls, directory: Path) -> LocalSandbox:
        """Start on `directory`, made if absent. Raises `SandboxUnavailable`."""
        make_workspace(directory)
        sandbox = cls(directory)
        await sandbox._open_shells()
        return sandbox

    async def _connect(self, name: str) -> Channel:
        environment = self._environment()
        environment["PATH"] = f"{self.workspace.root}/venv/bin:{os.environ.get('PATH', environment['PATH'])}"
        try:
            return await ProcessChannel.open(self._argv(name), env=environment)
        except OSError as error:
            raise SandboxLost(f"bash can't be run: {error}") from error

    async def revive(self) -> None:
        """See `Sandbox.revive`."""
        await self._close_shells()
        await self._open_shells()

    async def fork(self) -> LocalSandbox:
        """See `Sandbox.fork`."""
        return await LocalSandbox.start(await anyio.to_thread.run_sync(copy_tree, self.directory))

    async def fresh(self) -> LocalSandbox:
        """See `Sandbox.fresh`. Without isolation it is a copy of everything, at a path of its own."""
        copy = await self.fork()
        pristine, repo = copy.directory / ".agent" / "pristine", copy.workspace.repo
        moved = await copy.exec(
            f"cd / && rm -rf {shlex.quote(str(repo))} && mv {shlex.join(map(str, (pristine, repo)))}"
        )
        if not moved.ok:
            await copy.close(keep=False)
            raise SandboxUnavailable("there is no pristine copy", hint=moved.output.text())
        return copy

    async def network(self, on: bool) -> None:
        """Do nothing: without isolation the network is always open."""

    async def close(self, *, keep: bool) -> None:
        """See `Sandbox.close`."""
        with anyio.CancelScope(shield=True):
            await self._close_shells()
            if not keep:
                await anyio.to_thread.run_sync(remove_tree, self.directory)
