"""`submit`: the model says that it is done. Nothing else ends a session as done."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import Arguments, Observation, ToolContext


class SubmitArguments(Arguments):
    """Arguments of `submit`."""

    summary: str = Field(description="what was wrong and what you changed, in a few sentences")


class Submit:
    """Ends the work."""

    name: ClassVar[str] = "submit"
    description: ClassVar[str] = "End the work: the issue is fixed and you have tested it."
    arguments: ClassVar[type[Arguments]] = SubmitArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: SubmitArguments) -> Observation:
        """An acknowledgement; the loop sees the call and ends."""
        return Observation("submitted", meta={"summary": arguments.summary})
