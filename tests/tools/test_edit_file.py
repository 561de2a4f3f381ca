"""An edit changes exactly the region it names, or nothing, and then says why."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext
from tools.registry import Registry


def use(
    directory: Path,
    files: dict[str, bytes],
    faults: Callable[[str, str], list[str]] | None = None,
    undo: Callable[[], Awaitable[str]] | None = None,
    **arguments: object,
) -> tuple[Observation, dict[str, bytes]]:
    """Call edit_file in a sandbox with `files`; what it said, and the files afterwards."""

    async def body() -> tuple[Observation, dict[str, bytes]]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            repo = Path(str(sandbox.workspace.repo))
            for name, data in files.items():
                (repo / name).write_bytes(data)
            context = ToolContext(sandbox, syntax_errors=faults, undo=undo)
            seen = await Registry().run(context, "edit_file", json.dumps(arguments))
            return seen, {name: (repo / name).read_bytes() for name in files}
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_the_tool_edits_the_file_and_shows_the_region(tmp_path: Path) -> None:
    seen, files = use(tmp_path, {"a.py": b"x = 1\ny = 2\n"}, path="a.py", old="y = 2", new="y = 3")
    assert seen == Observation("a.py edited:\n1\tx = 1\n2\ty = 3")
    assert files == {"a.py": b"x = 1\ny = 3\n"}


def test_the_tool_keeps_bytes_that_are_no_text(tmp_path: Path) -> None:
    seen, files = use(tmp_path, {"a.py": b"# caf\xe9\r\nx = 1\r\n"}, path="a.py", old="x = 1", new="x = 2")
    assert seen.text == "a.py edited:\n1\t# caf?\n2\tx = 2"  # what can't be text is not shown to the model either
    assert files == {"a.py": b"# caf\xe9\r\nx = 2\r\n"}


def test_the_tool_leaves_the_file_when_it_refuses(tmp_path: Path) -> None:
    seen, files = use(tmp_path, {"a.py": b"x\nx\n"}, path="a.py", old="x", new="y")
    assert not seen.ok and "(lines 1, 2)" in seen.text
    assert files == {"a.py": b"x\nx\n"}


def test_the_tool_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    seen, _ = use(tmp_path, {}, path="none.py", old="x", new="y")
    assert not seen.ok and "does not exist" in seen.text


def test_a_new_syntax_error_is_told_and_the_edit_stays(tmp_path: Path) -> None:
    def faults(path: str, text: str) -> list[str]:
        return [f"{path}: line {number}: stray )" for number, line in enumerate(text.split("\n"), 1) if ")" in line]

    async def undo() -> str:
        return ""

    files = {"a.py": b"x = 1)\ny = 2\n"}
    seen, after = use(tmp_path, files, faults, undo, path="a.py", old="y = 2", new="# y\ny = 2)")
    assert seen.ok and after == {"a.py": b"x = 1)\n# y\ny = 2)\n"}
    assert seen.text.endswith(
        "a.py has a syntax error that it did not have before:\na.py: line 3: stray )\n"
        "Mend it, or call undo to take this edit back."
    )


def test_a_path_that_is_nearly_right_is_answered_with_the_one_meant(tmp_path: Path) -> None:
    seen, _ = use(tmp_path, {"module.py": b"x\n"}, path="modul.py", old="x", new="y")
    assert seen == Observation("modul.py does not exist. Did you mean module.py?", ok=False)
