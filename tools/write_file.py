"""`write_file`: a whole file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext
from tools.files import write_text


class WriteFileArguments(Arguments):
    """Arguments of `write_file`."""

    path: str = Field(description="path relative to the repository root")
    content: str = Field(description="the whole content")


class WriteFile:
    """Writes a file."""

    name: ClassVar[str] = "write_file"
    description: ClassVar[str] = "Write a file whole, replacing what was there. Directories are made."
    arguments: ClassVar[type[Arguments]] = WriteFileArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: WriteFileArguments) -> Observation:
        """How much was written."""
        place = context.place(arguments.path)
        await write_text(context.sandbox, place, arguments.content)
        lines = len(arguments.content.splitlines())
        return Observation(f"{context.shown(place)} written, {lines} lines")
