"""`edit_file`: replace one piece of text in a file by another."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext
from tools.editing.replacement import region, replace_text
from tools.editing.syntax import new_syntax_errors
from tools.files import read_or_suggest, write_text


class EditFileArguments(Arguments):
    """Arguments of `edit_file`."""

    path: str = Field(description="path relative to the repository root")
    old: str = Field(description="the text to replace, as it stands in the file, enough of it to be unique")
    new: str = Field(description="the text to put in its place")
    replace_all: bool = Field(False, description="replace every occurrence")


class EditFile:
    """Edits a file."""

    name: ClassVar[str] = "edit_file"
    description: ClassVar[str] = "Replace a piece of text in a file. The old text must occur exactly once."
    arguments: ClassVar[type[Arguments]] = EditFileArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: EditFileArguments) -> Observation:
        """The region as it is afterwards; a `ToolError` with the nearest candidates when nothing was changed."""
        path = context.resolve_path(arguments.path)
        name = context.display_path(path)
        text = await read_or_suggest(context, path)
        edit = replace_text(text, arguments.old, arguments.new, replace_all=arguments.replace_all, name=name)
        await write_text(context.sandbox, path, edit.text)
        errors = new_syntax_errors(context, name, text, edit.text)
        return Observation(f"{name} edited{edit.note}:\n{region(edit)}{edit.differing}{errors}")
