"""The workspace of an attempt: its snapshots, its change from the base commit, and the way back to an earlier state."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from agent.errors import PatchRejected
from agent.session.events import SandboxRestarted, SnapshotTaken
from agent.session.patch_store import PatchStore
from agent.session.session import Session
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots


@dataclass(frozen=True)
class WorkspaceState:
    """One sandbox and the trees of its workspace. `base_tree` is the base commit's, `patches` the host's copies."""

    session: Session
    sandbox: Sandbox
    snapshots: Snapshots
    base_tree: str
    patches: PatchStore

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
        if tree == (self.session.state.workspace.tree or self.base_tree):
            return tree, []
        try:
            self.patches.write(tree, await self.snapshots.diff(self.base_tree, tree))
        except PatchRejected:
            self.patches.forget_latest()
        return tree, [SnapshotTaken(tree=tree)]

    async def diff(self) -> bytes:
        """The workspace's change from the base commit. Raises `PatchRejected` for one that is too long."""
        return await self.snapshots.diff(self.base_tree, await self.snapshot())

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
