"""The trees that a session's steps left, to go back to."""

from __future__ import annotations

from agent.errors import PatchRejected, SandboxError, SandboxLost
from agent.repo.diffs import read_diff
from agent.run.run import Run
from tools.base import ToolError

_MAX_FILES_SHOWN = 20
QUOTA = 2 << 30
"""Bytes that the snapshots of a session may take; beyond that the oldest go."""
KEPT = 20
"""Of the latest trees, where some are dropped."""
_CHECK_INTERVAL = 4
"""Changes between two checks of the snapshots' size."""


class UndoHistory:
    """The workspace after each step that changed it, the latest last."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._trees = run.session.state.workspace.trees[:] or [
            run.workspace.base_tree
        ]  # a resumed session can undo as before
        self._now = self._trees[-1]
        self._seen = set(self._trees)
        self._added = 0
        self._warned = False  # whether the user knows that snapshots were dropped
        self.is_new = False  # whether the last tree that was taken had not been there before

    def add(self, tree: str) -> bool:
        """Take the tree after a step; whether it is another than before."""
        changed, self._now = tree != self._now, tree
        self.is_new = tree not in self._seen
        self._seen.add(tree)
        if tree != self._trees[-1]:
            self._trees.append(tree)
            self._added += 1
        return changed

    async def keep_within_quota(self) -> None:
        """Every few changes, drop what can't be gone back to any more where the snapshots take too much.

        The tree at the base and the latest ones are kept. What fails is told, and looked at again later.
        """
        if self._added < _CHECK_INTERVAL:
            return
        self._added = 0
        kept = list(dict.fromkeys([self._run.workspace.base_tree, self._trees[0], *self._trees[-KEPT:]]))
        try:
            dropped = await self._run.workspace.snapshots.prune(kept, QUOTA)
        except SandboxError as error:
            self._run.context.warn(str(error))
            return
        if dropped:
            self._trees = [self._trees[0], *self._trees[1:][-KEPT:]]
            if not self._warned:
                self._warned = True
                self._run.context.warn("the snapshots take much space: only the latest changes can be taken back")

    async def undo(self) -> str:
        """Put the workspace back to what it was before the last step that changed it; what was done, in words.

        Raises `ToolError` where there is nothing to undo, `SandboxLost`.
        """
        snapshots = self._run.workspace.snapshots
        now = await snapshots.take()
        if now == self._trees[-1]:
            if len(self._trees) == 1:
                raise ToolError("nothing has been changed, so there is nothing to undo")
            self._trees.pop()
        before = self._trees[-1]
        try:
            diff = await snapshots.diff(before, now)
        except PatchRejected:
            diff = b""
        except SandboxLost:
            raise
        except SandboxError as error:
            raise ToolError("what was before that is not kept any more, so it can't be gone back to") from error
        files = [file.path for file in read_diff(diff)]
        await snapshots.restore(before)
        shown = ", ".join(files[:_MAX_FILES_SHOWN]) + (", …" if len(files) > _MAX_FILES_SHOWN else "")
        return f"The last change is taken back{': ' + shown if shown else ''}."
