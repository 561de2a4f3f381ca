"""The workspace of an attempt: its snapshots, its change from the base commit, and the way back to an earlier state."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from agent.errors import PatchRejected, SandboxError
from agent.session.events import SandboxRestarted, SnapshotTaken, Warned
from agent.session.patch_store import PatchStore
from agent.session.session import Session
from agent.text import printable
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots

_NAMED = 5


@dataclass(frozen=True)
class WorkspaceState:
    """One sandbox and the trees of its workspace. `base_tree` is the base commit's, `patches` the host's copies."""

    session: Session
    sandbox: Sandbox
    snapshots: Snapshots
    base_tree: str
    patches: PatchStore
    _told: set[str] = field(default_factory=set)

    @property
    def root(self) -> str:
        """The repository's absolute path inside the sandbox."""
        return str(self.sandbox.workspace.repo)

    async def snapshot(self) -> str:
        """Take a snapshot, journalled when something changed; the tree's id. Raises `SandboxLost`."""
        tree, events = await self.take_snapshot()
        self.session.emit(*events)
        return tree

    async def take_snapshot(self) -> tuple[str, list[SnapshotTaken]]:
        """Take a snapshot; the tree's id, and the event to journal where something changed.

        The change is on the host's disk by then. Raises `JournalWriteFailed`, `SandboxLost`.
        """
        tree = await self.snapshots.take()
        self._tell_left_out()
        if tree == (self.session.state.workspace.tree or self.base_tree):
            return tree, []
        try:
            self.patches.write(tree, await self.snapshots.diff(self.base_tree, tree))
        except PatchRejected:
            self.patches.forget_latest()
        return tree, [SnapshotTaken(tree=tree)]

    def _tell_left_out(self) -> None:
        """Warn once of each path that the snapshots don't have."""
        new = [path for path in self.snapshots.left_out if path not in self._told]
        self._told.update(new)
        if new:
            names = ", ".join(map(printable, new[:_NAMED])) + (", …" if len(new) > _NAMED else "")
            self.session.emit(
                Warned(message=f"not part of the change, since it can't be read or is too large: {names}")
            )

    async def diff(self) -> bytes:
        """The workspace's change from the base commit. Raises `PatchRejected` for one that is too long.

        Where the workspace can't be read any more, it is the last one that the host has. Raises `SandboxError`s where
        it has none.
        """
        try:
            return await self.snapshots.diff(self.base_tree, await self.snapshot())
        except SandboxError as error:
            kept = self.patches.read(self.session.state.workspace.tree)
            if not kept:
                raise
            self.session.emit(Warned(message=f"{error.message}; the result is the last change that was kept"))
            return kept

    async def restore(self, tree: str) -> None:
        """Put the workspace back to a tree, journalled. Raises `SandboxError`s."""
        await self.snapshots.restore(tree)
        await self.snapshot()

    @asynccontextmanager
    async def reset_on_cancel(self) -> AsyncGenerator[None, None]:
        """Put the workspace back to the base commit where what runs in it is cancelled."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self.snapshots.restore(self.base_tree)
            raise

    async def revive(self, reason: str) -> None:
        """Start a lost sandbox again. Raises `SandboxUnavailable`."""
        await self.sandbox.revive()
        self.session.emit(SandboxRestarted(reason=reason))
