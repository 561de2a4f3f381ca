"""Files of a sandbox are read and written as they are; what can't be is said, with what may have been meant."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any

import anyio
import pytest

from sandbox.local import LocalSandbox
from tools import files
from tools.base import ToolContext, ToolError
from tools.files import FileAbsent, IsDirectory, read_bytes, read_or_suggest, read_text, write_text

Body = Callable[[ToolContext, PurePosixPath], Awaitable[Any]]


def within(directory: Path, body: Body, prepare: Callable[[Path], object] = lambda _: None) -> Any:
    """Run a coroutine function with a sandbox and the path of its repository, prepared on the host."""

    async def main() -> Any:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            prepare(Path(str(sandbox.workspace.repo)))
            return await body(ToolContext(sandbox), sandbox.workspace.repo)
        finally:
            await sandbox.close(keep=True)

    return anyio.run(main)


@pytest.mark.parametrize("data", [b"", b"one\n", b"caf\xe9\r\n", "größe\u2028\n".encode(), b"no end of line"])
def test_a_text_is_written_as_it_was_read(tmp_path: Path, data: bytes) -> None:
    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        await write_text(context.sandbox, repo / "new" / "-copy", await read_text(context.sandbox, repo / "a 'b'.txt"))

    within(tmp_path, body, lambda repo: (repo / "a 'b'.txt").write_bytes(data))
    assert (tmp_path / "ws" / "repo" / "new" / "-copy").read_bytes() == data


def test_a_file_that_is_written_over_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    def prepare(repo: Path) -> None:
        (repo / "run.sh").touch(mode=0o755)
        (repo / "link.sh").symlink_to("run.sh")

    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        await write_text(context.sandbox, repo / "link.sh", "new\n")

    within(tmp_path, body, prepare)
    script, link = (tmp_path / "ws" / "repo" / name for name in ("run.sh", "link.sh"))
    assert (script.read_text(), script.stat().st_mode & 0o777, link.is_symlink()) == ("new\n", 0o755, True)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("folder", IsDirectory, "is a directory"),
        ("none.txt", FileAbsent, "does not exist"),
        ("pipe", ToolError, "is not a regular file"),
        ("large", ToolError, "is larger than 100 bytes"),
    ],
)
def test_what_is_no_readable_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[ToolError], words: str
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 100)

    def prepare(repo: Path) -> None:
        (repo / "folder").mkdir()
        (repo / "large").write_bytes(b"x" * 101)
        os.mkfifo(repo / "pipe")

    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        with pytest.raises(error, match=words):
            await read_bytes(context.sandbox, repo / name)

    within(tmp_path, body, prepare)


def test_a_binary_file_is_no_text(tmp_path: Path) -> None:
    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        with pytest.raises(ToolError, match=r"is a binary file \(6 bytes\)"):
            await read_text(context.sandbox, repo / "image")

    within(tmp_path, body, lambda repo: (repo / "image").write_bytes(b"PNG\0\1\2"))


def test_where_it_can_not_be_written_that_is_said(tmp_path: Path) -> None:
    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        with pytest.raises(ToolError, match="can't be written"):
            await write_text(context.sandbox, repo / "file" / "below", "x")

    within(tmp_path, body, lambda repo: (repo / "file").touch())


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("tests/Parser.py", "tests/parser.py or pkg/core/parser.py"),
        ("pkg/core/parsr.py", "pkg/core/parser.py or tests/parser.py"),
        ("quite/another.thing", ""),
    ],
)
def test_files_with_a_like_name_are_suggested_the_nearest_first(tmp_path: Path, wanted: str, meant: str) -> None:
    def prepare(repo: Path) -> None:
        for name in ("pkg/core/parser.py", "tests/parser.py", "node_modules/x/parser.py", ".git/parser.py"):
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).touch()

    async def body(context: ToolContext, repo: PurePosixPath) -> str:
        with pytest.raises(FileAbsent) as caught:
            await read_or_suggest(context, repo / wanted)
        return str(caught.value)

    said = f"{wanted} does not exist." + (f" Did you mean {meant}?" if meant else "")
    assert within(tmp_path, body, prepare) == said
