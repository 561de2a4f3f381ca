"""Snapshots: the same tree as the host's, a diff of what changed, and the way back."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from agent.errors import PatchRejected, SandboxError
from agent.repo.host import HostRepository
from sandbox.bubblewrap import BubblewrapSandbox
from sandbox.snapshots import PATCH_LIMIT_BYTES, Snapshots


@pytest.fixture
def repository(tmp_path: Path) -> HostRepository:
    directory = tmp_path / "repository"
    directory.mkdir()
    (directory / "a.txt").write_bytes(b"one\r\n")
    (directory / "odd 'name\n").write_text("x")
    (directory / "bytes").write_bytes(bytes(range(256)))
    (directory / "ignored.log").write_text("but tracked\n")
    (directory / ".gitignore").write_text("*.log\n")
    (directory / ".gitattributes").write_text("* text=auto\n")
    (directory / "link").symlink_to("/etc/passwd")
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "core.autocrlf=false"]
    steps = (["init", "-q"], ["add", "-Af"], ["commit", "-qm", "x"])
    # text=auto would change a.txt on the way in: here the repository holds it as it is
    (directory / ".git").mkdir()
    subprocess.run(["git", "-C", str(directory), "init", "-q"], check=True)
    (directory / ".git" / "info").mkdir(exist_ok=True)
    (directory / ".git" / "info" / "attributes").write_text("* -text\n")
    for step in steps[1:]:
        subprocess.run(["git", "-C", str(directory), *identity, *step], check=True, capture_output=True)
    return HostRepository.open(directory)


@pytest.fixture
def within(repository: HostRepository, tmp_path: Path) -> Callable[..., None]:
    def run(body: Callable[[BubblewrapSandbox, Snapshots, str], Awaitable[None]]) -> None:
        async def main() -> None:
            sandbox = await BubblewrapSandbox.start(tmp_path / "workspace")
            try:
                snapshots = Snapshots(sandbox)
                base = await snapshots.begin(repository.tar())
                await body(sandbox, snapshots, base)
            finally:
                await sandbox.close(keep=False)

        anyio.run(main)

    return run


def test_the_first_tree_is_the_hosts(within: Callable[..., None], repository: HostRepository) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        assert base == repository.tree()
        assert await snapshots.take() == base
        assert (await sandbox.exec("git status --porcelain")).output.whole == b""

    within(body)


def test_a_change_gives_a_diff_that_the_host_takes(within: Callable[..., None], repository: HostRepository) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec(
            "printf 'two\\r\\n' >> a.txt; printf '\\x00\\x01' > bytes; echo new > 'new file'; rm ignored.log"
        )
        patch = repository.check(await snapshots.diff(base, await snapshots.take()))
        assert set(patch.files) == {"a.txt", "bytes", "new file", "ignored.log"}

    within(body)


def test_what_running_leaves_behind_is_no_change(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec(
            "mkdir -p p/__pycache__ node_modules .pytest_cache; touch p/__pycache__/x.pyc node_modules/y x.log"
        )
        assert await snapshots.take() == base

    within(body)


def test_restoring_undoes_edits_additions_and_removals(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec("echo more >> a.txt; echo new > new; rm bytes")
        await snapshots.restore(base)
        assert await snapshots.take() == base
        assert (await sandbox.exec("git status --porcelain")).output.whole == b""

    within(body)


def test_over_their_quota_the_old_snapshots_go_and_what_is_kept_stays_whole(within: Callable[..., None]) -> None:
    """peers row 32: undo storage does not grow without end."""

    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        trees = []
        for n in range(4):
            await sandbox.exec(f"head -c 300000 /dev/urandom >big; echo {n} >a.txt")
            trees.append(await snapshots.take())
        assert not await snapshots.prune([base], 10 << 20)
        size = f"du -sk {sandbox.workspace.kept}/snapshots.git | cut -f1"
        before = int((await sandbox.exec(size, private=True)).output.whole)
        assert await snapshots.prune([base, trees[2]], 100_000)
        after = int((await sandbox.exec(size, private=True)).output.whole)
        assert after < before - 500
        for tree, text in ((trees[2], b"2\n"), (trees[3], b"3\n")):  # the last one is that of the files as they are
            await snapshots.restore(tree)
            assert (await sandbox.exec("cat a.txt")).output.whole == text
        await snapshots.restore(base)
        assert await snapshots.take() == base

    within(body)


def test_the_clean_copy_has_the_patch_and_none_of_the_rest(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec("echo built > built.log")  # what a setup leaves, ignored by git
        await snapshots.keep_pristine()
        await sandbox.exec("printf 'two\\r\\n' >> a.txt; echo tampered > built.log")
        patch = await snapshots.diff(base, await snapshots.take())
        clean = await sandbox.fresh()
        try:
            with pytest.raises(PatchRejected):
                await Snapshots(clean).apply(patch.replace(b"one", b"not"))
            await Snapshots(clean).apply(patch)
            assert (await clean.exec("cat a.txt built.log")).output.whole == b"one\r\ntwo\r\nbuilt\n"
        finally:
            await clean.close(keep=False)
        assert (await sandbox.exec("cat built.log")).output.whole == b"tampered\n"

    within(body)


def test_a_diff_over_the_limit_is_refused(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec(f"head -c {PATCH_LIMIT_BYTES + 1000} /dev/urandom > big", capture=100)
        tree = await snapshots.take()
        with pytest.raises(PatchRejected, match="limit"):
            await snapshots.diff(base, tree)

    within(body)


def test_what_git_cannot_read_loses_nothing_else(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec(
            "echo good > good; echo secret > bad; chmod 000 bad; mkdir closed; touch closed/x; chmod 000 closed; "
            "mkdir nested; git -C nested init -q; touch nested/file"
        )
        await sandbox.exec("touch /workspace/.kept/snapshots.git/index.lock", private=True)
        diff = await snapshots.diff(base, await snapshots.take())
        assert b"+good" in diff
        assert set(snapshots.left_out) == {"bad", "nested"}

    within(body)


def test_a_huge_sparse_file_is_left_out_by_name_and_the_rest_is_kept(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec("echo good > good; truncate -s 2200M 'huge file'")
        diff = await snapshots.diff(base, await snapshots.take())
        assert b"+good" in diff and b"huge" not in diff
        assert snapshots.left_out == ("huge file",)

    within(body)


def test_more_new_files_than_a_change_can_have_are_left_out_with_a_word(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        await sandbox.exec("echo more >> a.txt; mkdir many; cd many; seq 1 20001 | xargs touch")
        tree = await snapshots.take()
        assert snapshots.left_out == ("more than 20000 new files",)
        assert b"+more" in await snapshots.diff(base, tree)
        await sandbox.exec("cd many; seq 1 15000 | xargs rm")
        with pytest.raises(PatchRejected, match="files"):
            await snapshots.diff(base, await snapshots.take())

    within(body)


def test_a_change_that_cannot_be_stored_is_an_error_and_not_no_change(within: Callable[..., None]) -> None:
    async def body(sandbox: BubblewrapSandbox, snapshots: Snapshots, base: str) -> None:
        # as on a full disk, where no object can be written
        await sandbox.exec("chmod -R a-w /workspace/.kept/snapshots.git/objects", private=True)
        await sandbox.exec("echo lost > a.txt")
        with pytest.raises(SandboxError, match="snapshot"):
            await snapshots.take()
        await sandbox.exec("chmod -R u+w /workspace/.kept/snapshots.git/objects", private=True)
        assert await snapshots.take() != base

    within(body)
