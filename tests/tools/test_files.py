"""Files of a sandbox are read and written as bytes, and an absent one is answered with those of a similar name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

import anyio
import pytest

from sandbox.local import LocalSandbox
from tools import files
from tools.base import ToolContext, ToolError
from tools.files import FileAbsent, IsDirectory, read_bytes, read_or_suggest, read_text, write_bytes, write_text

Body = Callable[[ToolContext, PurePosixPath], Awaitable[None]]


@pytest.fixture
def within(tmp_path: Path) -> Callable[[Body], None]:
    """Runs a coroutine function with a tool context, and its repository's path."""

    def run(body: Body) -> None:
        async def main() -> None:
            sandbox = await LocalSandbox.start(tmp_path / "workspace")
            try:
                await body(ToolContext(sandbox), sandbox.workspace.repo)
            finally:
                await sandbox.close(keep=False)

        anyio.run(main)

    return run


def test_bytes_that_are_no_text_are_written_as_they_were_read(within: Callable[[Body], None]) -> None:
    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        await write_bytes(context.sandbox, repo / "deep" / "er" / "a b.txt", b"caf\xe9\r\n")
        text = await read_text(context.sandbox, repo / "deep/er/a b.txt")
        await write_text(context.sandbox, repo / "copy.txt", text)
        assert await read_bytes(context.sandbox, repo / "copy.txt") == b"caf\xe9\r\n"

    within(body)


def test_what_is_no_readable_text_file_is_refused(
    within: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        await context.sandbox.exec("printf 'a\\0b' > binary; mkfifo pipe; mkdir folder; head -c 100 /dev/zero > large")
        monkeypatch.setattr(files, "MAX_BYTES", 50)
        for name, error, message in (
            ("binary", ToolError, "binary"), ("pipe", ToolError, "not a regular file"),
            ("folder", IsDirectory, "directory"), ("large", ToolError, "larger"), ("none", FileAbsent, "not exist"),
        ):  # fmt: skip
            with pytest.raises(error, match=message):
                await read_text(context.sandbox, repo / name)

    within(body)


def test_an_absent_file_is_answered_with_those_of_a_similar_name(within: Callable[[Body], None]) -> None:
    async def body(context: ToolContext, repo: PurePosixPath) -> None:
        await context.sandbox.exec("mkdir -p src/a src/b .git; touch src/a/util.py src/b/util.py .git/utils.py")
        with pytest.raises(FileAbsent, match=r"^src/b/utils\.py does not exist\. Did you mean src/b/util.py or src/a/"):
            await read_or_suggest(context, repo / "src/b/utils.py")
        with pytest.raises(FileAbsent, match=r"does not exist\.$"):
            await read_or_suggest(context, repo / "quite-different")

    within(body)
