"""`read_file`: a file, or some lines of it, with line numbers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.files import read_text
from tools.truncate import truncate


class ReadFileArguments(Arguments):
    """Arguments of `read_file`."""

    path: str = Field(description="path relative to the repository root")
    start_line: int | None = Field(None, description="first line, from 1")
    end_line: int | None = Field(None, description="last line, inclusive")


class ReadFile:
    """Shows a file."""

    name: ClassVar[str] = "read_file"
    description: ClassVar[str] = "Show a file of the repository, or some lines of it, with line numbers."
    arguments: ClassVar[type[Arguments]] = ReadFileArguments
    reads_only: ClassVar[bool] = True

    async def run(self, context: ToolContext, arguments: ReadFileArguments) -> Observation:
        """The lines asked for, numbered as `N<tab>text`."""
        place = context.place(arguments.path)
        text = (await read_text(context.sandbox, place)).encode("utf-8", "replace").decode()
        if not text:
            return Observation(f"{context.shown(place)} is empty")
        lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")  # not splitlines: as grep and compilers count
        first = max(arguments.start_line or 1, 1)
        last = min(arguments.end_line or len(lines), len(lines))
        if first > len(lines):
            raise ToolError(f"{context.shown(place)} has {len(lines)} lines")
        if last < first:
            raise ToolError(f"end_line {arguments.end_line} is before start_line {first}")
        body = "\n".join(f"{number}\t{lines[number - 1]}" for number in range(first, last + 1))
        shown = f"{context.shown(place)}, lines {first}-{last} of {len(lines)}:\n{body}"
        more = "ask for them with start_line and end_line"
        return Observation(truncate(shown, context.observation_tokens, more=more))
