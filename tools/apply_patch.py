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
from tools.editing.syntax import new_faults
from tools.files import read_known, write_text

_MOST_SHOWN = 40  # lines of a hunk


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
        """What was done to each file; a `ToolError` and no change when any part does not fit."""
        staged = _Staged(context)
        for change in parse_patch(arguments.patch):
            await staged.take(change)
        await staged.write()
        faults = [
            new_faults(context, context.display_path(place), staged.before.get(place) or "", text)
            for place, text in staged.after.items()
            if text is not None
        ]
        return Observation(truncate("\n".join(staged.report), context.observation_tokens) + "".join(faults))


@dataclass
class _Staged:
    """What the files had and are to have (None: no file), and the words for it."""

    context: ToolContext
    before: dict[PurePosixPath, str | None] = field(default_factory=dict)
    after: dict[PurePosixPath, str | None] = field(default_factory=dict)
    report: list[str] = field(default_factory=list)

    async def take(self, change: FileChange) -> None:
        """One part of the patch. Raises `ToolError` when it does not fit."""
        place = self.context.resolve_path(change.path)
        name = self.context.display_path(place)
        if place in self.after and self.after[place] is None:
            raise ToolError(f"the patch changes {name} after it took it away; nothing was changed")
        if change.action == "delete":
            await self._text(place)
            self.after[place] = None
            self.report.append(f"{name} deleted")
        elif change.action == "add":
            await self._free(place, "update it, or use write_file")
            new = [line for hunk in change.hunks for line in hunk.new]
            self.after[place] = "\n".join(new) + "\n" if new else ""
            self.report.append(f"{name} added, {len(new)} lines")
        else:
            await self._update(place, change)

    async def _update(self, place: PurePosixPath, change: FileChange) -> None:
        text = await self._text(place)
        changed, landed = apply_hunks(text, change, self.context.display_path(place))
        target = self.context.resolve_path(change.move_to) if change.move_to else place
        if target != place:
            await self._free(target, "nothing was moved onto it")
            self.after[place] = None
        self.after[target] = changed
        name = self.context.display_path(target)
        lines = split(changed)
        for each in landed:
            how = f" (matched {each.rung})" if each.rung else ""
            end = min(each.end, each.start + _MOST_SHOWN)
            shown = numbered(lines, each.start - 1, end + 1)
            self.report.append(f"{name} changed at line {each.start + 1}{how}:\n{shown}")
        if not landed:
            self.report.append(f"{name} moved there")

    async def _text(self, place: PurePosixPath) -> str:
        """The text as the parts before left it."""
        staged = self.after.get(place)
        if staged is not None:
            return staged
        text = await read_known(self.context, place)
        self.before[place] = text
        return text

    async def _free(self, place: PurePosixPath, hint: str) -> None:
        there = await self.context.sandbox.exec(f"test -e {shlex.quote(str(place))}", timeout=30)
        if there.ok or self.after.get(place) is not None:
            raise ToolError(f"{self.context.display_path(place)} exists already: {hint}; nothing was changed")

    async def write(self) -> None:
        """Write it all; when something can't be written, put back what was there and raise `ToolError`."""
        written = [place for place, text in self.after.items() if text is not None]
        parents = shlex.join(sorted({str(place.parent) for place in written}))
        made = await self.context.sandbox.exec(f"mkdir -p -- {parents}" if parents else ":", timeout=60)
        if not made.ok:
            raise ToolError(f"a directory can't be made, nothing was changed: {made.output.text().strip()}")
        try:
            for place in written:
                await write_text(self.context.sandbox, place, self.after[place] or "")
            removed = await self._remove([place for place, text in self.after.items() if text is None])
            if not removed.ok:
                raise ToolError(f"a file could not be removed: {removed.output.text().strip()}")
        except ToolError as error:
            await self._put_back()
            raise ToolError(f"{error}; nothing was changed") from error

    async def _put_back(self) -> None:
        for place in self.after:
            text = self.before.get(place)
            if text is not None:
                await write_text(self.context.sandbox, place, text)
        await self._remove([place for place in self.after if self.before.get(place) is None])

    async def _remove(self, places: list[PurePosixPath]) -> ExecResult:
        names = shlex.join(str(place) for place in places)
        return await self.context.sandbox.exec(f"rm -f -- {names}" if names else ":", timeout=60)
