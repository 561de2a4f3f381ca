"""Snapshots of the workspace's repository: tree objects in a git directory of their own, inside the sandbox.

The repository's own `.git` is never touched by them and never read from; the host sees only the diff they give. What
runs in the sandbox is `snapshots.sh`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from agent.errors import PatchRejected, SandboxError
from sandbox.protocol import ExecResult, Sandbox
from sandbox.scripts import script

PATCH_LIMIT_BYTES = 4 << 20
"""A longer diff is refused: it probably contains build products."""
PATCH_LIMIT_FILES = 5000
"""As `PATCH_LIMIT_BYTES`."""
_TOO_MANY_FILES = 65  # exit code of print_diff
_GIT_SECONDS = 300
_UNPACK_SECONDS = 600
_COPY_SECONDS = 1800
_CAPTURE_BYTES = 1 << 20
_ERROR_CHARACTERS = 400  # of git's output that an error shows
_HINT = "check the disk with `swe-agent doctor`, then resume"
_PATCH_HINT = "it was made for other contents of these files"
_TREE_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Snapshots:
    """Snapshots of one sandbox's repository, each named by the id of its tree.

    Every method raises `SandboxLost` when the sandbox is gone, and `SandboxError` when git or the file system inside it
    fails; what else it raises is said there.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.left_out: tuple[str, ...] = ()
        """What the last snapshot does not have: paths that can't be read or are too large, or words for many."""
        places = {"kept": sandbox.workspace.kept, "repo": sandbox.workspace.repo}
        variables = " ".join(f"{name}={shlex.quote(str(path))}" for name, path in places.items())
        self._script = f"{variables}\n{script('snapshots.sh')}\n"

    async def _run(
        self, *call: str, stdin: bytes = b"", timeout: float = _GIT_SECONDS, capture: int = _CAPTURE_BYTES
    ) -> ExecResult:
        """Run a function of `snapshots.sh` with its arguments."""
        return await self._sandbox.exec(
            self._script + shlex.join(call), stdin=stdin, timeout=timeout, private=True, capture=capture
        )

    async def _run_checked(self, *call: str, failure: str, stdin: bytes = b"", timeout: float = _GIT_SECONDS) -> bytes:
        """`_run`, and the bytes it printed. Raises `SandboxError` with `failure` when the function fails."""
        result = await self._run(*call, stdin=stdin, timeout=timeout)
        if not result.ok:
            raise SandboxError(f"{failure}: {_last_output(result)}", hint=_HINT)
        return result.output.head + result.output.tail

    async def begin(self, tree_tar: bytes) -> str:
        """Unpack the repository from a tar of its tree, as one commit; returns the first snapshot's tree id."""
        failure = "the repository can't be unpacked in the sandbox"
        await self._run_checked("unpack", failure=failure, stdin=tree_tar, timeout=_UNPACK_SECONDS)
        await self._run_checked("create", failure="the first snapshot can't be made in the sandbox")
        return await self._tree("first_tree")

    async def take(self) -> str:
        """The tree id of the repository as it is now; the same id if nothing has changed.

        What git can't read (a file without permissions, a nested repository without a commit) is left out, and so are
        files over 64 MiB and more than 20,000 new ones: `left_out` names them.
        """
        return await self._tree("take")

    async def _tree(self, function: str) -> str:
        printed = await self._run_checked(function, failure="a snapshot can't be taken in the sandbox")
        first, _, left_out = printed.decode("utf-8", "replace").partition("\n")
        self.left_out = tuple(path for path in left_out.split("\0") if path)
        tree = first.strip()
        if not _TREE_ID.fullmatch(tree):
            raise SandboxError(f"a snapshot can't be taken in the sandbox: git printed {tree[:100]!r}", hint=_HINT)
        return tree

    async def restore(self, tree: str) -> None:
        """Put the repository back to `tree`; files that no snapshot holds (ignored ones) stay."""
        await self._run_checked("restore", tree, failure="a snapshot can't be restored in the sandbox")

    async def holds(self, *trees: str) -> bool:
        """Whether these trees are all there, and the pristine copy beside them."""
        return (await self._run("holds", *trees)).ok

    async def apply(self, patch: bytes) -> None:
        """Apply a patch to the repository as it is. Raises `PatchRejected` when it does not fit."""
        result = await self._run("apply", stdin=patch) if patch else None
        if result is not None and not result.ok:
            raise PatchRejected(f"the change does not apply: {_last_output(result)}", hint=_PATCH_HINT)

    async def prune(self, keep: Iterable[str], limit: int) -> bool:
        """If the snapshots take more than `limit` bytes, drop all trees but `keep`; returns whether it did."""
        counted = await self._run_checked("sizes", failure="the snapshots can't be measured")
        sizes = dict(re.findall(r"^(size|size-pack): (\d+)$", counted.decode("ascii", "replace"), re.MULTILINE))
        if sum(map(int, sizes.values())) * 1024 <= limit:
            return False
        await self._run_checked("prune", *keep, failure="old snapshots can't be dropped")
        return True

    async def diff(self, before: str, after: str) -> bytes:
        """The patch from one tree to another, binary files included, renames as removal and addition.

        Raises `PatchRejected` when it is longer than `PATCH_LIMIT_BYTES`.
        """
        result = await self._run("print_diff", before, after, str(PATCH_LIMIT_FILES), capture=2 * PATCH_LIMIT_BYTES)
        if result.exit_code == _TOO_MANY_FILES:
            raise PatchRejected(
                f"the change has more than {PATCH_LIMIT_FILES} files", hint="it probably contains build products"
            )
        if not result.ok:
            raise SandboxError(f"the diff can't be made in the sandbox: {_last_output(result)}", hint=_HINT)
        if result.output.total > PATCH_LIMIT_BYTES:
            raise PatchRejected(
                f"the change is {result.output.total} bytes as a patch, over the limit of {PATCH_LIMIT_BYTES}",
                hint="it probably contains build products",
            )
        return result.output.whole

    async def keep_pristine(self) -> None:
        """Keep a copy of the repository's directory as it is now, build products included."""
        await self._run_checked("keep_pristine", failure="the repository can't be copied", timeout=_COPY_SECONDS)


def _last_output(result: ExecResult) -> str:
    """The end of what a failed command printed, else how it ended."""
    return result.output.text().strip()[-_ERROR_CHARACTERS:] or f"{result.ended}, exit code {result.exit_code}"
