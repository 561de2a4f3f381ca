"""`submit` is acknowledged, and its summary kept."""

from __future__ import annotations

import json
from pathlib import Path

import anyio

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext
from tools.registry import Registry


def submit(directory: Path, **arguments: object) -> tuple[Observation, list[Path]]:
    """Call submit in a sandbox; what it said, and what is in the repository afterwards."""

    async def body() -> tuple[Observation, list[Path]]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            seen = await Registry().run(ToolContext(sandbox), "submit", json.dumps(arguments))
            return seen, list(Path(str(sandbox.workspace.repo)).iterdir())  # noqa: ASYNC240
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_the_summary_is_kept_and_nothing_is_touched(tmp_path: Path) -> None:
    seen, left = submit(tmp_path, summary="add() subtracted; it adds now.")
    assert seen == Observation("submitted", meta={"summary": "add() subtracted; it adds now."})
    assert left == []


def test_a_submit_without_a_summary_is_refused(tmp_path: Path) -> None:
    seen, _ = submit(tmp_path)
    assert not seen.ok and "summary: Field required" in seen.text
