"""The trees that a session's steps left, to go back to."""

from __future__ import annotations

import re

from agent.errors import PatchRejected
from agent.strategy.work import Work
from tools.base import ToolError

_CHANGED = re.compile(rb"^diff --git a/.+ b/(.+)$", re.MULTILINE)
_MOST_FILES = 20


class History:
    """The workspace after each step that changed it, the latest last."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._trees = [work.session.state.tree or work.base_tree]
        self._now = self._trees[0]
        self._seen = {self._now}
        self.is_new = False  # whether the last tree that was taken had not been there before

    def add(self, tree: str) -> bool:
        """Take the tree after a step; whether it is another than before."""
        changed, self._now = tree != self._now, tree
        self.is_new = tree not in self._seen
        self._seen.add(tree)
        if tree != self._trees[-1]:
            self._trees.append(tree)
        return changed

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
        files = [path.decode("utf-8", "replace") for path in _CHANGED.findall(diff)]
        await snapshots.restore(before)
        shown = ", ".join(files[:_MOST_FILES]) + (", …" if len(files) > _MOST_FILES else "")
        return f"The last change is taken back{': ' + shown if shown else ''}."
