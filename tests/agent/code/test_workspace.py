"""The index follows what happens in a sandbox, reading only what changed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from support import git, make_repository

from agent.code.index import CodeIndex
from agent.code.workspace import WorkspaceIndex
from agent.repo.host import HostRepository
from sandbox.protocol import ExecResult, Sandbox
from sandbox.select import open_sandbox
from sandbox.snapshots import Snapshots

FILES = {
    "pkg/one.py": "def one():\n    return two()\n",
    "pkg/two.py": "def two():\n    return 2\n",
    "notes.txt": "def three(): pass\n",
}


class Watched:
    """A sandbox whose commands are counted."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.kind, self.workspace = sandbox.kind, sandbox.workspace
        self.commands: list[tuple[str, bytes]] = []

    async def exec(self, command: str, *, stdin: bytes = b"", **options: object) -> ExecResult:
        self.commands.append((command, stdin))
        return await self.sandbox.exec(command, stdin=stdin, **options)  # type: ignore[arg-type]


Body = Callable[[WorkspaceIndex, Watched], Awaitable[None]]


def work(kind: str, directory: Path, body: Body) -> None:
    """Run `body` with the index of a repository that was unpacked into a sandbox."""
    repository = HostRepository.open(make_repository(directory / "repo", FILES))

    async def main() -> None:
        name = f"test-{secrets.token_hex(4)}"
        async with open_sandbox(kind, name=name, directory=directory / "workspace") as sandbox:
            await Snapshots(sandbox).begin(repository.tar())
            watched = Watched(sandbox)
            index = WorkspaceIndex(CodeIndex(directory / "cache.sqlite", repository), watched)  # type: ignore[arg-type]
            await body(index, watched)

    anyio.run(main)


@pytest.mark.parametrize("kind", ["bubblewrap", "local", "docker"], indirect=True)
def test_edits_additions_and_removals_are_seen(kind: str, tmp_path: Path) -> None:
    async def body(workspace: WorkspaceIndex, watched: Watched) -> None:
        index = await workspace.refresh()
        assert index.paths == ["pkg/one.py", "pkg/two.py"]
        assert len(watched.commands) == 1  # nothing is read that is as in the commit
        await watched.sandbox.exec(
            "printf 'def zwei(): pass\\n' > pkg/two.py; printf 'def new(): zwei()\\n' > 'pkg/a new ä.py'; rm pkg/one.py;"
            "mkdir -p node_modules/x .venv; echo 'function f(){}' > node_modules/x/a.js; echo 'x = 1' > .venv/a.py;"
            "ln -s /etc/hostname link.py; mkfifo pipe.py; printf 'x = 1\\n' > $'odd\\nname.py'"
        )
        index = await workspace.refresh()
        assert index.paths == ["pkg/a new ä.py", "pkg/two.py"]
        assert [each.path for each in index.references("zwei")] == ["pkg/a new ä.py"]
        assert not index.definitions("one") and not index.definitions("two")
        assert len(watched.commands) == 3  # one listing and one reading more
        await workspace.refresh()
        assert len(watched.commands) == 4

    work(kind, tmp_path, body)


def test_a_restored_file_is_the_commits_again(tmp_path: Path) -> None:
    async def body(workspace: WorkspaceIndex, watched: Watched) -> None:
        snapshots = Snapshots(watched.sandbox)
        before = await snapshots.take()
        await watched.sandbox.exec("echo 'def other(): pass' > pkg/one.py; rm pkg/two.py")
        assert [each.name for each in (await workspace.refresh()).definitions_in("pkg/one.py")] == ["other"]
        await snapshots.take()
        await snapshots.restore(before)
        index = await workspace.refresh()
        assert [each.name for each in index.definitions_in("pkg/one.py")] == ["one"]
        assert index.definitions("two") and not index.definitions("other")

    work("local", tmp_path, body)


def test_an_edit_of_the_same_size_within_a_second_is_seen(tmp_path: Path) -> None:
    async def body(workspace: WorkspaceIndex, watched: Watched) -> None:
        place = Path(str(watched.workspace.repo)) / "pkg/one.py"
        for number, name in enumerate(("aaa", "bbb")):
            place.write_text(f"def {name}(): pass\n")
            os.utime(place, ns=(number, 1_700_000_000_000_000_000 + number))
            assert [each.name for each in (await workspace.refresh()).definitions_in("pkg/one.py")] == [name]

    work("local", tmp_path, body)


def test_touched_files_are_read_and_found_to_be_the_same(tmp_path: Path) -> None:
    async def body(workspace: WorkspaceIndex, watched: Watched) -> None:
        await watched.sandbox.exec("touch pkg/*.py")
        index = await workspace.refresh()
        assert len(watched.commands) == 2 and index.definitions("two")
        await workspace.refresh()
        assert len(watched.commands) == 3

    work("local", tmp_path, body)


def test_a_listing_that_fails_leaves_what_is_known(tmp_path: Path) -> None:
    async def body(workspace: WorkspaceIndex, watched: Watched) -> None:
        await workspace.refresh()
        await watched.sandbox.exec("cd / && chmod 000 $OLDPWD/pkg || true; cd - && echo 'def top(): pass' > top.py")
        assert (await workspace.refresh()).definitions("top")
        await watched.sandbox.exec("chmod 755 pkg")
        real, watched.workspace = watched.sandbox.exec, watched.workspace

        async def failing(command: str, **options: object) -> ExecResult:
            return await real("exit 1")

        watched.sandbox.exec = failing  # type: ignore[method-assign]
        index = await workspace.refresh()
        assert index.definitions("top")

    work("local", tmp_path, body)


def test_a_sandbox_without_a_commit_is_read_whole(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sandbox("local", name="test-plain", directory=tmp_path / "ws") as sandbox:
            await sandbox.exec('for n in $(seq 300); do echo "def f$n(): pass" > m$n.py; done')
            index = await WorkspaceIndex(CodeIndex(), sandbox).refresh()
            assert len(index.paths) == 300 and index.definitions("f300")

    anyio.run(main)


def test_a_commit_of_the_repository_is_read_from_the_cache_next_time(tmp_path: Path) -> None:
    async def body(workspace: WorkspaceIndex, watched: Watched) -> None:
        await workspace.refresh()

    work("local", tmp_path, body)
    (tmp_path / "repo" / "pkg" / "three.py").write_text("def three(): pass\n")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "-q", "-m", "second")
    repository = HostRepository.open(tmp_path / "repo")
    asked: list[str] = []
    blobs = repository.blobs
    repository.blobs = lambda entries: (asked.extend(each.path for each in entries), blobs(entries))[1]  # type: ignore[method-assign]
    index = CodeIndex(tmp_path / "cache.sqlite", repository)
    index.refresh()
    assert asked == ["pkg/three.py"] and len(index.paths) == 3
