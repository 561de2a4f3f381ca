"""The trees that a session's steps left, to go back to."""

from __future__ import annotations

from agent.errors import PatchRejected, SandboxError, SandboxLost
from agent.repo.diffs import read_diff
from agent.run.context import Work
from tools.base import ToolError

_MOST_FILES = 20
QUOTA = 2 << 30
"""Bytes that the snapshots of a session may take; beyond that the oldest go."""
KEPT = 20
_LOOKED_AT_EVERY = 4  # changes


class History:
    """The workspace after each step that changed it, the latest last."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._trees = work.session.state.trees[:] or [work.base_tree]  # a resumed session can undo as before
        self._now = self._trees[-1]
        self._seen = set(self._trees)
        self._added = 0
        self._told = False  # whether the user knows that snapshots were dropped
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
        if self._added < _LOOKED_AT_EVERY:
            return
        self._added = 0
        kept = list(dict.fromkeys([self._work.base_tree, self._trees[0], *self._trees[-KEPT:]]))
        try:
            dropped = await self._work.snapshots.prune(kept, QUOTA)
        except SandboxError as error:
            self._work.warn(str(error))
            return
        if dropped:
            self._trees = [self._trees[0], *self._trees[1:][-KEPT:]]
            if not self._told:
                self._told = True
                self._work.warn("the snapshots take much space: only the latest changes can be taken back")

    async def undo(self) -> str:
        """Put the workspace back to what it was before the last step that changed it; what was done, in words.

        Raises `ToolError` where there is nothing to undo, `SandboxLost`.
        """
        snapshots = self._work.snapshots
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
        shown = ", ".join(files[:_MOST_FILES]) + (", …" if len(files) > _MOST_FILES else "")
        return f"The last change is taken back{': ' + shown if shown else ''}."
