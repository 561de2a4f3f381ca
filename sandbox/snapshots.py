"""Snapshots of the workspace's repository: tree objects in a git directory of their own, inside the sandbox.

The repository's own `.git` is never touched by them and never read from; the host sees only the diff they give.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from agent.errors import PatchRejected, SandboxError
from sandbox.protocol import ExecResult, Sandbox

PATCH_LIMIT_BYTES = 4 << 20

# Left behind by running things; never part of a change unless the repository has them already.
_LITTER = """__pycache__/
*.py[cod]
.pytest_cache/
.mypy_cache/
.ruff_cache/
.hypothesis/
.tox/
.nox/
.venv/
.eggs/
*.egg-info/
.coverage
node_modules/
.cache/
"""
# What is in the repository is taken as it is: no line ending, filter or keyword of .gitattributes applies.
_AS_IT_IS = "* -text -eol -filter -ident -working-tree-encoding\n"
# `git add` stops at a repository within that has no commit: then each of those is left out by name.
_ADD_WITHOUT_NESTED = (
    "find . -mindepth 2 -name .git -prune -printf ':(exclude)%h\\0' | "
    "git add -A --ignore-errors --pathspec-from-file=- --pathspec-file-nul"
)


class Snapshots:
    """Snapshots of one sandbox's repository. Every method raises `SandboxLost` when the sandbox goes away."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        workspace = sandbox.workspace
        self._directory = shlex.quote(f"{workspace.private}/snapshots.git")
        self._repo = shlex.quote(str(workspace.repo))
        self._private = shlex.quote(str(workspace.private))
        # the lock is that of a git that was killed
        self._add = f"rm -f {self._directory}/index.lock; git add -A --ignore-errors . || {_ADD_WITHOUT_NESTED}"

    async def _git(self, command: str, *, stdin: bytes = b"", capture: int = 1 << 20) -> ExecResult:
        environment = (
            # the system's git, whatever the workspace has
            f"PATH=/usr/local/bin:/usr/bin:/bin:$PATH GIT_DIR={self._directory} GIT_WORK_TREE={self._repo} "
            "GIT_CONFIG_GLOBAL=/dev/null "
            "GIT_CONFIG_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0"
        )
        return await self._sandbox.exec(
            f"cd {self._repo} && export {environment} && {command}", stdin=stdin, timeout=300, capture=capture
        )

    async def _must(self, command: str, what: str, *, stdin: bytes = b"", capture: int = 1 << 20) -> bytes:
        result = await self._git(command, stdin=stdin, capture=capture)
        if not result.ok:
            detail = result.output.text().strip()[-400:]
            raise SandboxError(f"{what} failed in the sandbox: {detail or f'exit code {result.exit_code}'}")
        return result.output.head + result.output.tail

    async def begin(self, tree_tar: bytes) -> str:
        """Unpack the repository from a tar of its tree, as one commit; the first snapshot's tree id."""
        unpack = f"mkdir -p {self._repo} && tar -x --no-same-owner -C {self._repo} -f -"
        unpacked = await self._sandbox.exec(unpack, stdin=tree_tar, timeout=600)
        if not unpacked.ok:
            raise SandboxError(f"the repository can't be unpacked: {unpacked.output.text().strip()[-400:]}")
        quiet = "-c init.defaultBranch=main -c advice.detachedHead=false"
        identity = "-c user.name=swe-agent -c user.email=swe-agent@localhost -c commit.gpgSign=false"
        own = f"{self._repo}/.git"
        await self._must(
            f"(unset GIT_DIR GIT_WORK_TREE; git {quiet} init -q --bare {self._directory}) && "
            f"printf %s {shlex.quote(_AS_IT_IS)} >{self._directory}/info/attributes && "
            f"printf %s {shlex.quote(_LITTER)} >{self._directory}/info/exclude && "
            "git config core.bare false && git config core.autocrlf false && git config gc.auto 0 && "
            "git config core.safecrlf false && git config core.looseCompression 1 && git add -A -f . && "
            # the repository's own .git, one commit, for the model to use as it likes
            f"unset GIT_DIR GIT_WORK_TREE && git {quiet} init -q . && mkdir -p {own}/info && "
            f"printf %s {shlex.quote(_AS_IT_IS)} >{own}/info/attributes && "
            f"git add -A -f . && git {identity} commit -q --allow-empty --no-verify -m base",
            "making the first snapshot",
        )
        return await self.take(first=True)

    async def take(self, *, first: bool = False) -> str:
        """The tree id of the repository as it is now; the same id when nothing changed.

        What git can't read (a file without permissions, a repository without a commit within) is left out.
        """
        add = "true" if first else self._add
        written = await self._must(f"{{ {add}; }} >/dev/null 2>&1; git write-tree 2>/dev/null", "a snapshot")
        tree = written.decode("utf-8", "replace").strip()
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", tree):
            raise SandboxError(f"a snapshot failed in the sandbox: git gave {tree[:100]!r}")
        return tree

    async def restore(self, tree: str) -> None:
        """Put the repository back to `tree`; files that no snapshot holds (ignored ones) stay."""
        await self._must(f"{{ {self._add}; }} >/dev/null 2>&1; git read-tree -u --reset {tree}", "restoring a snapshot")

    async def holds(self, *trees: str) -> bool:
        """Whether these trees are all there, with the pristine copy beside them. Raises `SandboxLost`."""
        checks = " && ".join(f"git cat-file -e {tree}'^{{tree}}'" for tree in trees)
        # in a workspace that was never begun there is no directory to go to
        there = await self._sandbox.exec(f"[ -d {self._directory} ] && [ -d {self._private}/pristine ]", timeout=60)
        return there.ok and (await self._git(checks)).ok

    async def apply(self, patch: bytes) -> None:
        """Apply a patch to the repository as it is. Raises `PatchRejected` when it does not fit."""
        result = await self._git("git apply --whitespace=nowarn -", stdin=patch) if patch else None
        if result is not None and not result.ok:
            raise PatchRejected(f"the change does not apply: {result.output.text().strip()[-400:]}")

    async def prune(self, keep: Iterable[str], limit: int) -> bool:
        """Where the snapshots take more than `limit` bytes, drop all trees but `keep`; whether that was done."""
        counted = await self._must("git count-objects -v", "measuring the snapshots")
        sizes = dict(re.findall(r"^(size|size-pack): (\d+)$", counted.decode("ascii", "replace"), re.MULTILINE))
        if sum(map(int, sizes.values())) * 1024 <= limit:
            return False
        await self._must(f"git prune --expire=now {shlex.join(keep)}", "dropping old snapshots")
        return True

    async def diff(self, before: str, after: str) -> bytes:
        """The patch from one tree to another, binary files included, renames as removal and addition.

        Raises `PatchRejected` when it is longer than 4 MiB.
        """
        capture = 2 * PATCH_LIMIT_BYTES
        form = "--no-ext-diff --no-textconv --no-color --no-renames --binary --full-index"
        command = f"git -c core.quotePath=false diff {form} {before} {after}"
        result = await self._git(command, capture=capture)
        if not result.ok:
            raise SandboxError(f"the diff failed in the sandbox: {result.output.text().strip()[-400:]}")
        if result.output.total > PATCH_LIMIT_BYTES:
            raise PatchRejected(
                f"the change is {result.output.total} bytes as a patch, over the limit of {PATCH_LIMIT_BYTES}",
                hint="it probably contains build products",
            )
        return result.output.whole

    async def keep_pristine(self) -> None:
        """Keep a copy of the repository's directory as it is now, build products included."""
        copy = f"{self._private}/pristine"
        result = await self._sandbox.exec(f"rm -rf {copy} && cp -a {self._repo} {copy}", timeout=1800)
        if not result.ok:
            raise SandboxError(f"no copy of the repository: {result.output.text().strip()[-400:]}")

    async def enter_pristine(self, patch: bytes) -> None:
        """Swap the repository's directory for a clean copy with `patch` applied; `leave_pristine` undoes it.

        The copy stands at the same path, so what the setup installed by path (editable installs) tests the copy.
        """
        private = self._private
        await self.leave_pristine()
        apply = "git apply --whitespace=nowarn -" if patch else "true"
        command = (
            f"cd / && rm -rf {private}/worked && cp -a {private}/pristine {private}/clean && "
            f"mv {self._repo} {private}/worked && mv {private}/clean {self._repo} && "
            f"cd {self._repo} && GIT_CONFIG_GLOBAL=/dev/null {apply}"
        )
        result = await self._sandbox.exec(command, stdin=patch, timeout=1800)
        if not result.ok:
            detail = result.output.text().strip()[-400:]
            await self.leave_pristine()
            raise PatchRejected(f"the patch does not apply to a clean copy: {detail}")

    async def leave_pristine(self) -> None:
        """Put the worked-on repository back, also after a crash in between."""
        private = self._private
        command = (
            f"cd / && rm -rf {private}/clean && if [ -d {private}/worked ]; then "
            f"rm -rf {self._repo} && mv {private}/worked {self._repo}; fi"
        )
        result = await self._sandbox.exec(command, timeout=600)
        if not result.ok:
            raise SandboxError(f"the working copy can't be put back: {result.output.text().strip()[-400:]}")
