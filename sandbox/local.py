"""No isolation: commands run on the host, as the user. Only when asked for by name."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
from collections.abc import Container
from functools import partial
from pathlib import Path, PurePosixPath

import anyio

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.directory_trees import copy_tree, make_workspace, remove_tree
from sandbox.host_files import own_python
from sandbox.limits import Limits
from sandbox.protocol import Workspace
from sandbox.shell_state import ShellState
from sandbox.supervised_shell import Launch, SupervisedShell


class LocalSandbox(ShellSandbox):
    """Commands in a plain bash of the host, on a copy of the repository."""

    kind = "local"

    def __init__(self, directory: Path) -> None:
        super().__init__(Workspace(PurePosixPath(str(directory.resolve()))))
        self.directory = directory
        self._state = ShellState(directory / ".control")
        shell = partial(SupervisedShell, self.workspace, self._launch, Limits())
        outputs = Path(str(self.workspace.outputs))
        self._shells = {"model": shell(state=self._state, outputs=outputs), "program": shell(), "private": shell()}

    @classmethod
    async def start(cls, directory: Path) -> LocalSandbox:
        """Start on `directory`, made if absent. Raises `SandboxUnavailable`."""
        make_workspace(directory)
        sandbox = cls(directory)
        for name in (".control", sandbox.workspace.outputs.name, sandbox.workspace.kept.name):
            make_workspace(directory / name)
        await sandbox._open_shells()
        return sandbox

    def _launch(self) -> Launch:
        environment = self._environment()
        environment["PATH"] = f"{self.workspace.root}/venv/bin:{os.environ.get('PATH', environment['PATH'])}"
        bash = shutil.which("bash")
        if bash is None:
            raise SandboxLost("bash can't be run: it is not on PATH")
        return Launch((), own_python(), environment, bash=bash)

    async def rewind(self, seen: Container[str]) -> None:
        """See `Sandbox.rewind`."""
        sequence = self._state.last()
        if sequence and str(self.workspace.outputs / f"{sequence}.log") not in seen:
            self._state.rewind()

    async def revive(self) -> None:
        """See `Sandbox.revive`."""
        await self._close_shells()
        await self._open_shells()

    async def fork(self) -> LocalSandbox:
        """See `Sandbox.fork`."""
        await self._close_shells()
        return await LocalSandbox.start(await anyio.to_thread.run_sync(copy_tree, self.directory))

    async def fresh(self) -> LocalSandbox:
        """See `Sandbox.fresh`. Without isolation it is a copy of everything, at a path of its own."""
        await self._close_shells()
        name = f"{self.directory.name}-fresh-{secrets.token_hex(4)}"
        directory = await anyio.to_thread.run_sync(copy_tree, self.directory, self.directory.with_name(name))
        copy = await LocalSandbox.start(directory)
        places = map(str, (copy.workspace.pristine, copy.workspace.repo))
        moved = await copy.exec(f"cd / && rm -rf {shlex.quote(str(copy.workspace.repo))} && mv {shlex.join(places)}")
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
