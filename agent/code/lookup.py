"""What the model asks of the code: `outline` and `find`, over the index as the workspace is now."""

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

_MAX_SHOWN = 10
_MAX_REFERENCES = 200


class Lookup:
    """Answers for one session: `issue` is what maps are ranked for, `exclude` tells files that they leave out."""

    def __init__(
        self, workspace: WorkspaceIndex, context: ToolContext, issue: str, exclude: Callable[[str], bool]
    ) -> None:
        self._workspace = workspace
        self._context = context
        self._issue = issue
        self._exclude = exclude

    async def outline(self, path: str | None, tokens: int) -> str:
        """The definitions of a file, or the map of a directory or the whole repository. Raises `ToolError`."""
        index = await self._workspace.refresh()
        place = self._context.display_path(self._context.resolve_path(path or "."))
        if place in index.paths:
            return file_outline(index, place, tokens)
        inside = "" if place == "." else f"{place}/"
        if inside and not any(each.startswith(inside) for each in index.paths):
            close = [each for each in index.paths if PurePosixPath(each).name == PurePosixPath(place).name][:3]
            hint = f"; did you mean {', '.join(close)}?" if close else ""
            raise ToolError(f"{place} is no source file or directory of the repository{hint}")
        asked = inside and all(map(self._exclude, (each for each in index.paths if each.startswith(inside))))
        return repository_map(
            index,
            self._issue,
            tokens,
            exclude=lambda each: not each.startswith(inside) or (not asked and self._exclude(each)),
        )

    async def find(self, name: str, references: bool, tokens: int) -> str:
        """Where a name is defined, with source, or who uses it. Raises `ToolError`."""
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
        for number, each in enumerate(found[:_MAX_SHOWN]):
            share = max(room // (min(len(found), _MAX_SHOWN) - number), 30)
            block = truncate(await self._source(each), share, more=f"read {each.path} from line {each.start}")
            room -= estimate_tokens(block)
            blocks.append(block)
        if len(found) > _MAX_SHOWN:
            blocks.append(f"[... {len(found) - _MAX_SHOWN} more definitions of this name ...]")
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
        """Each use as `path:line`, with the definition it stands in."""
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
