"""`read_file`: a file, or some lines of it, with line numbers."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field

from agent.text import printable, truncate
from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.editing.lines import BOM, body, split
from tools.files import IsDirectory, read_or_suggest

_MAX_NAMES = 200  # of a directory


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
        """The requested lines, numbered as `N<tab>text`; for a directory the names in it."""
        path = context.resolve_path(arguments.path)
        try:
            text = await read_or_suggest(context, path)
        except IsDirectory:
            return await _listing(context, path)
        text = text.removeprefix(BOM).encode("utf-8", "replace").decode()
        if not text:
            return Observation(f"{context.display_path(path)} is empty")
        lines = split(text)
        first = max(arguments.start_line or 1, 1)
        last = len(lines) if arguments.end_line is None else min(arguments.end_line, len(lines))
        if first > len(lines):
            raise ToolError(f"{context.display_path(path)} has {len(lines)} lines")
        if last < first:
            raise ToolError(f"end_line {arguments.end_line} is before start_line {first}")
        listed = "\n".join(f"{number}\t{body(lines[number - 1])}" for number in range(first, last + 1))
        over = "" if (arguments.end_line or 0) <= len(lines) else f" (there is no line {arguments.end_line})"
        shown = f"{context.display_path(path)}, lines {first}-{last} of {len(lines)}{over}:\n{listed}"
        more = "ask for them with start_line and end_line"
        return Observation(truncate(shown, context.observation_tokens, more=more))


async def _listing(context: ToolContext, path: PurePosixPath) -> Observation:
    """The names in a directory."""
    command = f"LC_ALL=C ls -1Ap -- {shlex.quote(str(path))} | head -n {_MAX_NAMES + 1}"
    result = await context.sandbox.exec(command, timeout=30)
    names = [name for name in printable(result.output.text()).splitlines() if name != ".git/"]
    if len(names) > _MAX_NAMES:
        names[_MAX_NAMES:] = [f"[... more than {_MAX_NAMES} names ...]"]
    name = context.display_path(path)
    if not names:
        return Observation(f"{name} is an empty directory")
    return Observation(truncate("\n".join([f"{name} is a directory:", *names]), context.observation_tokens))
