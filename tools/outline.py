"""`outline`: the definitions of a file, or what a directory or the repository has that the issue is about."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError


class OutlineArguments(Arguments):
    """Arguments of `outline`."""

    path: str | None = Field(None, description="file or directory; without it, the whole repository")


class Outline:
    """Shows structure."""

    name: ClassVar[str] = "outline"
    description: ClassVar[str] = (
        "Show a file's classes and functions with their lines; of a directory or the repository those that matter most."
    )
    arguments: ClassVar[type[Arguments]] = OutlineArguments
    reads_only: ClassVar[bool] = True

    async def run(self, context: ToolContext, arguments: OutlineArguments) -> Observation:
        """Lines and signatures, file by file."""
        if context.code is None:
            raise ToolError("there is no index of the code here; use search")
        return Observation(await context.code.outline(arguments.path or None, context.observation_tokens))
