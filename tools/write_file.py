"""`write_file`: a whole file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.editing.lines import line_ending, split
from tools.editing.syntax import new_syntax_errors
from tools.editing.wrapping import fences_stay, unfenced
from tools.files import FileAbsent, IsDirectory, read_bytes, write_text


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
        """Whether the file was created or overwritten, and how many lines it had and has."""
        path = context.resolve_path(arguments.path)
        name, content = context.display_path(path), arguments.content
        notes = []
        inner = None if fences_stay(name) else unfenced(content)
        if inner is not None:
            content = inner
            notes.append("the fence around the content was left out")
        before = await _before(context, path)
        if before is not None and "\r" not in content and line_ending(before) == "\r\n":
            content = content.replace("\n", "\r\n")
            notes.append("its line endings are CRLF, as they were")
        await write_text(context.sandbox, path, content)
        had, has = len(split(before or "")), len(split(content))
        done = f"created, {has} lines" if before is None else f"overwritten: {has} lines, before {had}"
        if before is not None and 2 * has < had:
            notes.append("more than half of it is gone; if that was not meant, restore it")
        listed = "".join(f"; {note}" for note in notes)
        return Observation(f"{name} {done}{listed}{new_syntax_errors(context, name, before or '', content)}")


async def _before(context: ToolContext, path: PurePosixPath) -> str | None:
    """The present text of a file, empty if it can't be read; None if there is no file."""
    try:
        return (await read_bytes(context.sandbox, path)).decode("utf-8", "surrogateescape")
    except FileAbsent:
        return None
    except IsDirectory as error:
        raise ToolError(f"{context.display_path(path)} can't be written: it is a directory") from error
    except ToolError:
        return ""
