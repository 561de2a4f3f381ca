"""The user's repository on the host: read as data, never run; changed only by a checked patch, and only on request.

Git runs here in the user's own repository, which the agent can't write to, with hooks, global configuration and
optional locks off; what it has to write for a check goes to a temporary directory.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.errors import PatchRejected, RepositoryUnreadable
from agent.files import may_write
from agent.repo.host_git import HostGit
from agent.repo.patch_policy import (
    MAX_FILES,
    REGULAR_FILES,
    Change,
    CheckedPatch,
    changes_to_leave_out,
    check_changes,
    check_no_repository,
)
from agent.repo.work_tree import apply_to_work_tree

_BRANCH = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,120}$")
_MAX_BRANCH_NAMES = 20
_ZIP_EPOCH = 315_532_800  # 1980-01-01: zip files, and so wheels, hold no earlier time


@dataclass(frozen=True)
class Entry:
    """One file of a tree: git mode, blob id, path."""

    mode: str
    blob: str
    path: str


class HostRepository:
    """A git repository and the commit that work starts from."""

    def __init__(self, directory: Path, commit: str) -> None:
        self.directory = directory
        self.commit = commit
        self._git = HostGit.isolated(directory)

    @classmethod
    def open(cls, directory: Path, base: str = "HEAD") -> HostRepository:
        """The repository at or above `directory`, with `base` resolved. Raises `RepositoryUnreadable`."""
        if not directory.is_dir():
            raise RepositoryUnreadable(f"there is no directory {directory}")
        top = HostGit.isolated(directory).run("rev-parse", "--show-toplevel")
        if not top.ok:
            raise RepositoryUnreadable(
                f"{directory} is not a git repository",
                hint="`git init && git add -A && git commit` makes it one",
            )
        root = Path(os.fsdecode(top.output.rstrip(b"\n")))
        resolve = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
        found = HostGit.isolated(root).run(*resolve)
        if not found.ok:
            hint = "it has no commit yet" if base == "HEAD" else "`git log` shows what there is"
            raise RepositoryUnreadable(f"{root} has no commit {base!r}", hint=hint)
        return cls(root, found.line)

    def is_dirty(self) -> bool:
        """Whether tracked files have changes that are not committed.

        Not looked at where the repository's own configuration names filters: they are commands that would be run.
        """
        if self._git.run("config", "--get-regexp", r"^filter\..*\.(clean|process)$").ok:
            return False
        seen = self._git.run("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
        return bool(seen.output.strip())

    def tree(self) -> str:
        """The id of the base commit's tree."""
        return self._git.must("rev-parse", f"{self.commit}^{{tree}}").line

    def entries(self) -> list[Entry]:
        """The files of the base commit; submodules are left out."""
        found = []
        for record in self._git.must("ls-tree", "-r", "-z", "--full-tree", self.commit).output.split(b"\0"):
            if record:
                about, _, path = record.partition(b"\t")
                mode, kind, blob = about.decode().split()
                if kind == "blob":
                    found.append(Entry(mode, blob, os.fsdecode(path)))
        return found

    def write_tar(self, to: IO[bytes]) -> None:
        """Write the base commit's tree as a tar: the blobs as they are, no attribute or filter applied.

        Every file has the commit's time: builds that zip files refuse any before 1980.
        """
        shown = self._git.must("show", "-s", "--no-show-signature", "--format=%ct", self.commit).line
        modified = max(int(shown.split()[-1]), _ZIP_EPOCH)
        with tarfile.open(fileobj=to, mode="w") as tar:
            for entry, data in self.blobs(self.entries()):
                _add(tar, entry, data, modified)

    def blobs(self, entries: list[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """The contents of files, in the order given."""
        wanted = "".join(f"{entry.blob}\n" for entry in entries).encode()
        with self._git.output_of("cat-file", "--batch", stdin=wanted) as output:
            for entry in entries:
                header = output.readline().split()
                if len(header) != 3 or header[1] != b"blob":
                    raise RepositoryUnreadable(f"{entry.path} can't be read from the repository")
                data = output.read(int(header[2]))
                output.read(1)
                yield entry, data

    def tar(self) -> bytes:
        """The tar of `write_tar` as bytes."""
        buffer = io.BytesIO()
        self.write_tar(buffer)
        return buffer.getvalue()

    def read_file(self, path: str) -> bytes | None:
        """A file of the base commit, or None."""
        found = self._git.run("cat-file", "blob", f"{self.commit}:{path}")
        return found.output if found.ok else None

    def check(self, data: bytes, *, allowed: Sequence[str] = ()) -> CheckedPatch:
        """Check a diff against the rules and against the base commit; nothing is written to the repository.

        Changes of paths that run or steer something are left out where no pattern of `allowed` names them (see
        `protected_paths`). Raises `PatchRejected`.
        """
        if not data:
            return CheckedPatch(b"", ())
        with tempfile.TemporaryDirectory(prefix="swe-agent-") as scratch:
            environment = self._scratch_index(Path(scratch))
            self._git.bounded("apply", "--cached", "-", stdin=data, environment=environment)
            changes = self._changes(environment)
            check_changes(changes)
            if left_out := changes_to_leave_out(changes, allowed):
                self._take_back(left_out, environment)
                changes = [change for change in changes if change not in left_out]
            listed = self._git.must("ls-files", "-z", "--cached", environment=environment).output
            check_no_repository(changes, listed.decode("utf-8", "backslashreplace").split("\0"))
            # what is given out is what was checked: the difference of the two trees, as git here writes it
            form = ["--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--binary", "--full-index"]
            patch = self._git.bounded("diff-index", "--cached", "-p", *form, self.commit, environment=environment)
        paths = (tuple(change.path for change in each) for each in (changes, left_out))
        return CheckedPatch(patch, *paths)

    def _take_back(self, changes: list[Change], environment: dict[str, str]) -> None:
        """Put files in the scratch index back to the base commit."""
        # a mode of 0 removes the entry; the removals come first, since a file may stand where a directory was
        removed = [f"0 {'0' * len(change.old_blob)}\t{change.path}\0" for change in changes]
        restored = [
            f"{change.old_mode} {change.old_blob}\t{change.path}\0" for change in changes if int(change.old_mode, 8)
        ]
        lines = "".join(removed + restored).encode()
        self._git.bounded("update-index", "-z", "--index-info", stdin=lines, environment=environment)

    def _changes(self, environment: dict[str, str]) -> list[Change]:
        """What differs between the base commit and the scratch index, with the sizes of the new blobs."""
        form = ["--cached", "--raw", "-z", "--no-renames", "--no-abbrev"]
        fields = self._git.bounded("diff-index", *form, self.commit, environment=environment).split(b"\0")
        records = [about.decode().removeprefix(":").split() for about in fields[0:-1:2]]
        blobs = [blob for _, new_mode, _, blob, _ in records if new_mode in REGULAR_FILES]
        # with more files than that the patch is refused anyway, whatever their sizes
        names = "".join(f"{blob}\n" for blob in blobs[: MAX_FILES + 1]).encode()
        check = ("cat-file", "--batch-check=%(objectsize)")
        sizes = iter(self._git.bounded(*check, stdin=names, environment=environment).split())
        return [
            Change(
                path.decode("utf-8", "backslashreplace"),
                old_mode,
                new_mode,
                int(next(sizes, 0)) if new_mode in REGULAR_FILES else 0,
                old_blob,
            )
            for (old_mode, new_mode, old_blob, *_), path in zip(records, fields[1::2], strict=True)
        ]

    def apply(self, patch: CheckedPatch) -> None:
        """Apply to the work tree, all or nothing, unstaged. Raises `PatchRejected` when it does not fit there."""
        apply_to_work_tree(self.directory, self._git_path("--absolute-git-dir"), patch)

    def commit_to_branch(self, patch: CheckedPatch, branch: str, message: str) -> tuple[str, str]:
        """Commit the patch on top of the base commit to a new branch; the work tree is not touched.

        Returns the branch and the commit. Where there is a branch of that name with other content, or of a name that
        excludes it, the branch gets a name like it; one with the very same tree is taken as it is. Raises
        `PatchRejected`.
        """
        _check_branch(branch)
        with tempfile.TemporaryDirectory(prefix="swe-agent-") as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._git.must("read-tree", self.commit, environment=index)
            self._git.must("apply", "--cached", "-", stdin=patch.data, environment=index)
            tree = self._git.must("write-tree", environment=index).line
        for name in _branch_names(branch):
            present = self._git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{name}^{{tree}}")
            if present.ok and present.line == tree:
                return name, self._git.must("rev-parse", f"refs/heads/{name}").line
        made = ("commit-tree", tree, "-p", self.commit, "-F", "-")
        text = message.replace("\0", "").encode("utf-8", "replace")
        commit = self._git.must(*made, stdin=text, environment=_identity(self.directory)).line
        name = self.free_branch(branch)
        self._git.must("update-ref", f"refs/heads/{name}", commit, "")
        return name, commit

    def free_branch(self, branch: str) -> str:
        """A name, this one or one like it, that a branch can be made with. Raises `PatchRejected`."""
        _check_branch(branch)
        reason = ""
        for name in _branch_names(branch):
            # the transaction takes git's own locks, and is not committed
            lines = f"start\ncreate refs/heads/{name} {self.commit}\nprepare\nabort\n"
            tried = self._git.run("update-ref", "--stdin", stdin=lines.encode())
            if tried.ok:
                return name
            reason = tried.error
        raise PatchRejected(f"a branch {branch!r} can't be made in {self.directory}: {reason}")

    def check_writable(self, *, work_tree: bool) -> None:
        """Raise `RepositoryUnreadable` where the work tree, or else the object store, can't be written to."""
        place = self.directory if work_tree else self._git_path("--git-path", "objects")
        if not may_write(place):
            raise RepositoryUnreadable(f"{place} can't be written to", hint="use --output patch")

    def _git_path(self, *question: str) -> Path:
        found = self._git.must("rev-parse", "--path-format=absolute", *question).output
        return Path(os.fsdecode(found.removesuffix(b"\n")))

    def _scratch_index(self, scratch: Path) -> dict[str, str]:
        """An index of the base commit in `scratch`, and an object store there over the repository's own."""
        objects = str(self._git_path("--git-path", "objects"))
        (scratch / "objects").mkdir()
        environment = {
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
            # quoted: a colon in the path would end it
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": json.dumps(objects, ensure_ascii=False),
        }
        self._git.must("read-tree", self.commit, environment=environment)
        return environment


def _add(tar: tarfile.TarFile, entry: Entry, data: bytes, modified: int) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mtime = modified
    if entry.mode == "120000":
        info.type = tarfile.SYMTYPE
        info.linkname = os.fsdecode(data)
        tar.addfile(info)
        return
    info.mode = 0o755 if entry.mode == "100755" else 0o644
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _check_branch(branch: str) -> None:
    if not _BRANCH.match(branch) or ".." in branch or branch.endswith((".lock", "/", ".")) or "//" in branch:
        raise PatchRejected(f"{branch!r} is no branch name")


def _branch_names(branch: str) -> Iterator[str]:
    """A branch's name and others like it: a branch `a` excludes `a/b`."""
    yield branch
    for number in range(2, _MAX_BRANCH_NAMES):
        yield f"{branch}-{number}"
    yield branch.replace("/", "-")


def _identity(directory: Path) -> dict[str, str]:
    """Who commits: as the user's own git says, else the program's name."""
    git = HostGit.of_user(directory)
    found: dict[str, str] = {}
    for key, default in (("name", "swe-agent"), ("email", "swe-agent@localhost")):
        value = git.run("config", f"user.{key}").line or default
        found |= {f"GIT_AUTHOR_{key.upper()}": value, f"GIT_COMMITTER_{key.upper()}": value}
    return found
