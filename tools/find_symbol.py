"""`find_symbol`: where a name is defined, with its source, or where it is used."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext, ToolError


class FindSymbolArguments(Arguments):
    """Arguments of `find_symbol`."""

    name: str = Field(description="name of a function, class, method or constant, like parse or Parser.parse")
    references: bool = Field(False, description="true: show where it is used instead of its definition")


class FindSymbol:
    """Finds definitions and their uses."""

    name: ClassVar[str] = "find_symbol"
    description: ClassVar[str] = "Show the source of a function, class or constant by its name, or where it is used."
    arguments: ClassVar[type[Arguments]] = FindSymbolArguments
    reads_only: ClassVar[bool] = True

    async def run(self, context: ToolContext, arguments: FindSymbolArguments) -> Observation:
        """Each definition with its path and numbered lines, or each use as `path:line`."""
        if context.code is None:
            raise ToolError("there is no index of the code here; use search")
        if not arguments.name.strip():
            raise ToolError("the name is empty")
        found = await context.code.find(arguments.name.strip(), arguments.references, context.observation_tokens)
        return Observation(found)
