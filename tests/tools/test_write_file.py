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
    assert seen == Observation("a/b/c.txt created, 2 lines")
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
    assert write(tmp_path, "empty", "") == Observation("empty created, 0 lines")
    assert (tmp_path / "repo/empty").read_bytes() == b""


def test_a_large_file_arrives_whole(tmp_path: Path) -> None:
    content = "0123456789abcdef\n" * 60_000
    assert write(tmp_path, "large", content).ok
    assert (tmp_path / "repo/large").read_text() == content


def test_overwriting_is_told_with_both_sizes(tmp_path: Path) -> None:
    seen = write(tmp_path, "a.txt", "1\n2\n3\n", lambda repo: (repo / "a.txt").write_text("1\n2\n3\n4\n"))
    assert seen == Observation("a.txt overwritten: 3 lines, before 4")


def test_a_file_that_shrinks_by_more_than_half_is_told(tmp_path: Path) -> None:
    seen = write(tmp_path, "a.txt", "1\n", lambda repo: (repo / "a.txt").write_text("1\n2\n3\n"))
    assert seen.text.startswith("a.txt overwritten: 1 lines, before 3; more than half of it is gone")


def test_crlf_is_kept(tmp_path: Path) -> None:
    seen = write(tmp_path, "a.txt", "1\n2\n", lambda repo: (repo / "a.txt").write_bytes(b"1\r\n"))
    assert seen.text == "a.txt overwritten: 2 lines, before 1; its line endings are CRLF, as they were"
    assert (tmp_path / "repo/a.txt").read_bytes() == b"1\r\n2\r\n"


def test_a_fence_around_code_is_left_out_and_one_in_prose_kept(tmp_path: Path) -> None:
    seen = write(tmp_path / "code", "a.py", "```python\nx = 1\n```\n")
    assert seen.text == "a.py created, 1 lines; the fence around the content was left out"
    assert (tmp_path / "code/repo/a.py").read_text() == "x = 1\n"
    assert write(tmp_path / "prose", "a.md", "```\nx\n```\n").text == "a.md created, 3 lines"


def test_a_binary_file_is_overwritten(tmp_path: Path) -> None:
    assert write(tmp_path, "a", "x\n", lambda repo: (repo / "a").write_bytes(b"\0\xff")).ok


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
