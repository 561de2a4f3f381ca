"""`apply_patch`: several changes at once, all or none of them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field

from agent.text import truncate
from sandbox.protocol import ExecResult
from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.editing.hunks import apply_hunks
from tools.editing.lines import numbered, split
from tools.editing.patch_format import FileChange, parse_patch
from tools.editing.syntax import new_syntax_errors
from tools.files import read_or_suggest, write_text

_MAX_SHOWN = 40  # lines of a hunk


class ApplyPatchArguments(Arguments):
    """Arguments of `apply_patch`."""

    patch: str = Field(description="a unified diff, or the *** Begin Patch format")


class ApplyPatch:
    """Applies a patch."""

    name: ClassVar[str] = "apply_patch"
    description: ClassVar[str] = "Apply a patch to files: a unified diff, or the *** Begin Patch format."
    arguments: ClassVar[type[Arguments]] = ApplyPatchArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: ApplyPatchArguments) -> Observation:
        """What was done to each file. Raises `ToolError`, with nothing changed, when any part does not fit."""
        staged = _StagedPatch(context)
        for change in parse_patch(arguments.patch):
            await staged.stage(change)
        await staged.write()
        errors = [
            new_syntax_errors(context, context.display_path(path), staged.before.get(path) or "", text)
            for path, text in staged.after.items()
            if text is not None
        ]
        return Observation(truncate("\n".join(staged.report), context.observation_tokens) + "".join(errors))


@dataclass
class _StagedPatch:
    """The contents of files before and after a patch (None: no file), and its report."""

    context: ToolContext
    before: dict[PurePosixPath, str | None] = field(default_factory=dict)
    after: dict[PurePosixPath, str | None] = field(default_factory=dict)
    report: list[str] = field(default_factory=list)

    async def stage(self, change: FileChange) -> None:
        """Add the change of one file. Raises `ToolError` when it does not fit."""
        path = self.context.resolve_path(change.path)
        name = self.context.display_path(path)
        if path in self.after and self.after[path] is None:
            raise ToolError(f"the patch changes {name} after it took it away; nothing was changed")
        if change.action == "delete":
            await self._text(path)
            self.after[path] = None
            self.report.append(f"{name} deleted")
        elif change.action == "add":
            await self._check_absent(path, "update it, or use write_file")
            new = [line for hunk in change.hunks for line in hunk.new]
            self.after[path] = "\n".join(new) + "\n" if new else ""
            self.report.append(f"{name} added, {len(new)} lines")
        else:
            await self._update(path, change)

    async def _update(self, path: PurePosixPath, change: FileChange) -> None:
        text = await self._text(path)
        changed, hunks = apply_hunks(text, change, self.context.display_path(path))
        target = self.context.resolve_path(change.move_to) if change.move_to else path
        if target != path:
            await self._check_absent(target, "nothing was moved onto it")
            self.after[path] = None
        self.after[target] = changed
        name = self.context.display_path(target)
        lines = split(changed)
        for each in hunks:
            how = f" (matched {each.strategy})" if each.strategy else ""
            end = min(each.end, each.start + _MAX_SHOWN)
            shown = numbered(lines, each.start - 1, end + 1)
            self.report.append(f"{name} changed at line {each.start + 1}{how}:\n{shown}")
        if not hunks:
            self.report.append(f"{name} moved there")

    async def _text(self, path: PurePosixPath) -> str:
        """A file's text after the parts of the patch that are staged already. Raises `ToolError`."""
        staged = self.after.get(path)
        if staged is not None:
            return staged
        text = await read_or_suggest(self.context, path)
        self.before[path] = text
        return text

    async def _check_absent(self, path: PurePosixPath, hint: str) -> None:
        found = await self.context.sandbox.exec(f"test -e {shlex.quote(str(path))}", timeout=30)
        if found.ok or self.after.get(path) is not None:
            raise ToolError(f"{self.context.display_path(path)} exists already: {hint}; nothing was changed")

    async def write(self) -> None:
        """Write all files. Raises `ToolError`, with everything as it was, when one of them can't be written."""
        written = [path for path, text in self.after.items() if text is not None]
        parents = shlex.join(sorted({str(path.parent) for path in written}))
        made = await self.context.sandbox.exec(f"mkdir -p -- {parents}" if parents else ":", timeout=60)
        if not made.ok:
            raise ToolError(f"a directory can't be made, nothing was changed: {made.output.text().strip()}")
        try:
            for path in written:
                await write_text(self.context.sandbox, path, self.after[path] or "")
            removed = await self._remove([path for path, text in self.after.items() if text is None])
            if not removed.ok:
                raise ToolError(f"a file could not be removed: {removed.output.text().strip()}")
        except ToolError as error:
            await self._restore()
            raise ToolError(f"{error}; nothing was changed") from error

    async def _restore(self) -> None:
        for path in self.after:
            text = self.before.get(path)
            if text is not None:
                await write_text(self.context.sandbox, path, text)
        await self._remove([path for path in self.after if self.before.get(path) is None])

    async def _remove(self, paths: list[PurePosixPath]) -> ExecResult:
        names = shlex.join(str(path) for path in paths)
        return await self.context.sandbox.exec(f"rm -f -- {names}" if names else ":", timeout=60)
