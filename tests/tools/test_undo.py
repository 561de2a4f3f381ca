"""`undo` does what the session can do, and says so where it can't."""

from __future__ import annotations

from typing import cast

import anyio

from sandbox.protocol import Sandbox
from tools.base import Observation, ToolContext, ToolError
from tools.registry import OPTIONAL_TOOLS, Registry


def test_what_was_taken_back_is_told() -> None:
    async def undo() -> str:
        return "a.py is as it was before step 3"

    context = ToolContext(cast(Sandbox, None), undo=undo)
    assert anyio.run(Registry(OPTIONAL_TOOLS).run, context, "undo", "{}") == Observation(
        "a.py is as it was before step 3"
    )


def test_nothing_to_take_back_is_told() -> None:
    async def undo() -> str:
        raise ToolError("nothing was changed yet")

    seen = anyio.run(Registry(OPTIONAL_TOOLS).run, ToolContext(cast(Sandbox, None), undo=undo), "undo", "{}")
    assert seen == Observation("nothing was changed yet", ok=False)


def test_without_snapshots_there_is_no_undo() -> None:
    seen = anyio.run(Registry(OPTIONAL_TOOLS).run, ToolContext(cast(Sandbox, None)), "undo", "{}")
    assert not seen.ok and "not available" in seen.text
