"""`write_file` writes a whole file, with its directories, and nothing outside the workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anyio

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext
from tools.registry import Registry


def write(directory: Path, path: str, content: str, prepare: Callable[[Path], object] = lambda _: None) -> Observation:
    """Call write_file in a sandbox on `directory`, whose repository `prepare` made ready; it is kept."""

    async def body() -> Observation:
        sandbox = await LocalSandbox.start(directory)
        try:
            prepare(directory / "repo")
            arguments = json.dumps({"path": path, "content": content})
            return await Registry().run(ToolContext(sandbox), "write_file", arguments)
        finally:
            await sandbox.close(keep=True)

    return anyio.run(body)


def test_a_file_is_written_with_its_directories(tmp_path: Path) -> None:
    seen = write(tmp_path, "a/b/c.txt", "one\ntwo\n")
    assert seen == Observation("a/b/c.txt written, 2 lines")
    assert (tmp_path / "repo/a/b/c.txt").read_bytes() == b"one\ntwo\n"


def test_what_was_there_is_replaced_and_its_mode_kept(tmp_path: Path) -> None:
    def prepare(repo: Path) -> None:
        (repo / "run.sh").write_text("old and longer than the new one\n")
        (repo / "run.sh").chmod(0o755)

    assert write(tmp_path, "run.sh", "new\n", prepare).ok
    assert (tmp_path / "repo/run.sh").read_text() == "new\n"
    assert (tmp_path / "repo/run.sh").stat().st_mode & 0o777 == 0o755


def test_content_arrives_byte_for_byte(tmp_path: Path) -> None:
    content = "no end, $HOME `id` 'quotes' \"\\ \r\n é漢🦉\x0c"
    assert write(tmp_path, "odd 'name'.txt", content).ok
    assert (tmp_path / "repo/odd 'name'.txt").read_bytes() == content.encode()


def test_an_empty_file_can_be_written(tmp_path: Path) -> None:
    assert write(tmp_path, "empty", "") == Observation("empty written, 0 lines")
    assert (tmp_path / "repo/empty").read_bytes() == b""


def test_a_large_file_arrives_whole(tmp_path: Path) -> None:
    content = "0123456789abcdef\n" * 60_000
    assert write(tmp_path, "large", content).ok
    assert (tmp_path / "repo/large").read_text() == content


def test_a_directory_in_the_way_is_told(tmp_path: Path) -> None:
    seen = write(tmp_path, "folder", "x", lambda repo: (repo / "folder").mkdir())
    assert not seen.ok and "can't be written" in seen.text and "directory" in seen.text.lower()


def test_a_file_in_the_way_of_a_directory_is_told(tmp_path: Path) -> None:
    seen = write(tmp_path, "file/inner", "x", lambda repo: (repo / "file").write_text("keep"))
    assert not seen.ok and "can't be written" in seen.text
    assert (tmp_path / "repo/file").read_text() == "keep"


def test_nothing_is_written_outside_the_workspace(tmp_path: Path) -> None:
    seen = write(tmp_path / "ws", "../../outside.txt", "x")
    assert not seen.ok and "outside the workspace" in seen.text
    assert not (tmp_path / "outside.txt").exists()
