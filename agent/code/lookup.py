"""The code lookups of the tools `outline` and `find_symbol`, answered from the index of the workspace as it is now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from agent.code.definitions import Definition
from agent.code.index import CodeIndex
from agent.code.overview import file_outline, repository_map
from agent.code.workspace import WorkspaceIndex
from agent.text import estimate_tokens, truncate
from tools.base import ToolContext, ToolError
from tools.files import read_text

_MAX_DEFINITIONS = 10
_MAX_REFERENCES = 200


class Lookup:
    """The `CodeLookup` of one session.

    Repository maps are ranked for the text `issue`, and leave out the paths for which `exclude` is true.
    """

    def __init__(
        self, workspace: WorkspaceIndex, context: ToolContext, issue: str, exclude: Callable[[str], bool]
    ) -> None:
        self._workspace = workspace
        self._context = context
        self._issue = issue
        self._exclude = exclude

    async def outline(self, path: str | None, tokens: int) -> str:
        """See `CodeLookup.outline`."""
        index = await self._workspace.refresh()
        path = self._context.display_path(self._context.resolve_path(path or "."))
        if path in index.paths:
            return file_outline(index, path, tokens)
        prefix = "" if path == "." else f"{path}/"
        if prefix and not any(each.startswith(prefix) for each in index.paths):
            close = [each for each in index.paths if PurePosixPath(each).name == PurePosixPath(path).name][:3]
            hint = f"; did you mean {', '.join(close)}?" if close else ""
            raise ToolError(f"{path} is no source file or directory of the repository{hint}")
        only_excluded = prefix and all(map(self._exclude, (each for each in index.paths if each.startswith(prefix))))
        return repository_map(
            index,
            self._issue,
            tokens,
            exclude=lambda each: not each.startswith(prefix) or (not only_excluded and self._exclude(each)),
        )

    async def find(self, name: str, references: bool, tokens: int) -> str:
        """See `CodeLookup.find`."""
        index = await self._workspace.refresh()
        found = index.definitions(name)
        if references:
            return self._uses(index, name, tokens)
        if not found:
            close = index.suggestions(name)
            uses = len(index.references(name))
            hint = f" Names like it: {', '.join(close)}." if close else ""
            used = f" It is used on {uses} lines (references: true shows them)." if uses else ""
            raise ToolError(f"nothing named {name!r} is defined in the repository.{hint}{used}")
        found.sort(key=lambda each: (self._exclude(each.path), each.path, each.start))
        blocks = []
        room = tokens - 20
        for number, each in enumerate(found[:_MAX_DEFINITIONS]):
            share = max(room // (min(len(found), _MAX_DEFINITIONS) - number), 30)
            block = truncate(await self._source(each), share, more=f"read {each.path} from line {each.start}")
            room -= estimate_tokens(block)
            blocks.append(block)
        if len(found) > _MAX_DEFINITIONS:
            blocks.append(f"[... {len(found) - _MAX_DEFINITIONS} more definitions of this name ...]")
        return "\n\n".join(blocks)

    async def _source(self, each: Definition) -> str:
        head = f"{each.path}, lines {each.start}-{each.end}: {each.kind} {each.name}"
        try:
            text = await read_text(self._context.sandbox, self._context.resolve_path(each.path))
        except ToolError:
            return head
        lines = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").split("\n")
        body = (f"{number}\t{lines[number - 1]}" for number in range(each.start, min(each.end, len(lines)) + 1))
        return "\n".join([head, *body])

    def _uses(self, index: CodeIndex, name: str, tokens: int) -> str:
        """Each use as `path:line`, with the definition that contains it."""
        found = index.references(name)
        if not found:
            raise ToolError(f"{name!r} is not used in the repository")
        found.sort(key=lambda each: (self._exclude(each.path), each.path, each.line))
        lines = []
        for each in found[:_MAX_REFERENCES]:
            user = index.enclosing_definition(each.path, each.line)
            lines.append(f"{each.path}:{each.line}" + (f" in {user.name}" if user else ""))
        if len(found) > _MAX_REFERENCES:
            lines.append(f"[... {len(found) - _MAX_REFERENCES} more ...]")
        return truncate(f"{name} is used on {len(found)} lines:\n" + "\n".join(lines), tokens)
