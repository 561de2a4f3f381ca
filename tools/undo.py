"""`undo`: take back the last step that changed the workspace."""

from __future__ import annotations

from typing import ClassVar

from tools.base import Arguments, Observation, ToolContext, ToolError


class UndoArguments(Arguments):
    """Arguments of `undo`: none."""


class Undo:
    """Takes the last change back."""

    name: ClassVar[str] = "undo"
    description: ClassVar[str] = "Take back the last step that changed files."
    arguments: ClassVar[type[Arguments]] = UndoArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: UndoArguments) -> Observation:
        """What was taken back."""
        if context.undo is None:
            raise ToolError("undo is not available here; edit the file again")
        return Observation(await context.undo())
