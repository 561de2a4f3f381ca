"""The user's repository on the host: read as data, never run; changed only by a checked patch, only when asked.

Git runs here in the user's own repository, which the agent can't write to, with hooks, global configuration and
optional locks off; what it has to write for a check goes to a temporary directory.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.errors import PatchRejected, RepositoryUnreadable
from agent.repo.patch_policy import Change, CheckedPatch, check_changes

_BRANCH = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,120}$")


_GIT_SECONDS = 120.0
_ZIP_EPOCH = 315_532_800  # 1980-01-01: zip files, and so wheels, hold no earlier time
_GIT_BYTES = 2 << 30  # of address space, for reading a patch that may be made to blow up


def _environment() -> dict[str, str]:
    """No global configuration and no way to fetch: a repository can name commands for both."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_OPTIONAL_LOCKS": "0"}
    return env | {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


def _argv(directory: Path, *args: str) -> list[str]:
    safe = ["-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "safe.directory=*"]
    return ["git", *safe, "-C", str(directory), *args]


def _git(
    directory: Path, *args: str, stdin: bytes | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        _argv(directory, *args),
        input=stdin,
        capture_output=True,
        check=False,
        env={**_environment(), **(environment or {})},
    )


def _git_on_patch(
    directory: Path, *args: str, patch: bytes, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Git on a patch nobody has looked at yet, within bounds of time and memory. Raises `PatchRejected`."""
    bounded = ["sh", "-c", f'ulimit -v {_GIT_BYTES >> 10}; exec "$@"', "sh", *_argv(directory, *args)]
    try:
        done = subprocess.run(
            bounded,
            input=patch,
            capture_output=True,
            check=False,
            env={**_environment(), **environment},
            timeout=_GIT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise PatchRejected(f"git did not read the patch within {_GIT_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise PatchRejected(f"git does not take the patch: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done


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

    @classmethod
    def open(cls, directory: Path, base: str = "HEAD") -> HostRepository:
        """The repository at or above `directory`, with `base` resolved. Raises `RepositoryUnreadable`."""
        if not directory.is_dir():
            raise RepositoryUnreadable(f"there is no directory {directory}")
        try:
            top = _git(directory, "rev-parse", "--show-toplevel")
        except FileNotFoundError as error:
            raise RepositoryUnreadable("git is not installed", hint="apt install git") from error
        if top.returncode != 0:
            raise RepositoryUnreadable(
                f"{directory} is not a git repository",
                hint="`git init && git add -A && git commit` makes it one",
            )
        root = Path(os.fsdecode(top.stdout.rstrip(b"\n")))
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
        if found.returncode != 0:
            hint = "it has no commit yet" if base == "HEAD" else "`git log` shows what there is"
            raise RepositoryUnreadable(f"{root} has no commit {base!r}", hint=hint)
        return cls(root, found.stdout.decode().strip())

    def is_dirty(self) -> bool:
        """Whether tracked files have changes that are not committed.

        Not looked at where the repository's own configuration names filters: they are commands that would be run.
        """
        if _git(self.directory, "config", "--get-regexp", r"^filter\..*\.(clean|process)$").returncode == 0:
            return False
        seen = _git(self.directory, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
        return bool(seen.stdout.strip())

    def tree(self) -> str:
        """The id of the base commit's tree."""
        return self._must("rev-parse", f"{self.commit}^{{tree}}").decode().strip()

    def entries(self) -> list[Entry]:
        """The files of the base commit; submodules are left out."""
        found = []
        for record in self._must("ls-tree", "-r", "-z", "--full-tree", self.commit).split(b"\0"):
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
        told = self._must("show", "-s", "--no-show-signature", "--format=%ct", self.commit).split()
        modified = max(int(told[-1]), _ZIP_EPOCH)
        with tarfile.open(fileobj=to, mode="w") as tar:
            for entry, data in self.blobs(self.entries()):
                _add(tar, entry, data, modified)

    def blobs(self, entries: list[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """The contents of files, in the order given."""
        with tempfile.TemporaryFile() as questions:
            questions.write("".join(f"{entry.blob}\n" for entry in entries).encode())
            questions.seek(0)
            with subprocess.Popen(
                _argv(self.directory, "cat-file", "--batch"),
                stdin=questions,
                stdout=subprocess.PIPE,
                env=_environment(),
            ) as process:
                assert process.stdout is not None
                for entry in entries:
                    header = process.stdout.readline().split()
                    if len(header) != 3 or header[1] != b"blob":
                        raise RepositoryUnreadable(f"{entry.path} can't be read from the repository")
                    data = process.stdout.read(int(header[2]))
                    process.stdout.read(1)
                    yield entry, data

    def tar(self) -> bytes:
        """The tar of `write_tar` as bytes."""
        buffer = io.BytesIO()
        self.write_tar(buffer)
        return buffer.getvalue()

    def read_file(self, path: str) -> bytes | None:
        """A file of the base commit, or None."""
        found = _git(self.directory, "cat-file", "blob", f"{self.commit}:{path}")
        return found.stdout if found.returncode == 0 else None

    def check(self, data: bytes, *, allow_workflows: bool = False) -> CheckedPatch:
        """Check a diff against the rules and against the base commit; nothing is written to the repository.

        Raises `PatchRejected`.
        """
        if not data:
            return CheckedPatch(b"", ())
        with tempfile.TemporaryDirectory(prefix="swe-agent-") as scratch:
            environment = self._scratch_index(Path(scratch))
            _git_on_patch(self.directory, "apply", "--cached", "-", patch=data, environment=environment)
            changes = self._changes(environment)
            check_changes(changes, allow_workflows=allow_workflows)
            # what is given out is what was checked: the difference of the two trees, as git here writes it
            form = ["--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--binary", "--full-index"]
            patch = self._must("diff-index", "--cached", "-p", *form, self.commit, environment=environment)
        return CheckedPatch(patch, tuple(change.path for change in changes))

    def _changes(self, environment: dict[str, str]) -> list[Change]:
        """What differs between the base commit and the scratch index."""
        raw = self._must("diff-index", "--cached", "--raw", "-z", "--no-renames", self.commit, environment=environment)
        fields = raw.split(b"\0")
        changes = []
        for about, path in zip(fields[0:-1:2], fields[1::2], strict=True):
            old_mode, new_mode, _, blob, _ = about.decode().removeprefix(":").split()
            size = 0
            if new_mode in {"100644", "100755"}:
                size = int(self._must("cat-file", "-s", blob, environment=environment))
            changes.append(Change(path.decode("utf-8", "backslashreplace"), old_mode, new_mode, size))
        return changes

    def apply(self, patch: CheckedPatch) -> None:
        """Apply to the work tree, all or nothing, unstaged. Raises `PatchRejected` when it does not fit there."""
        done = _git(self.directory, "apply", "--whitespace=nowarn", "-", stdin=patch.data)
        if done.returncode != 0:
            raise PatchRejected(
                f"the patch does not fit the work tree: {done.stderr.decode(errors='replace')[-300:]}",
                hint="commit or stash your changes, or use --output branch",
            )

    def commit_to_branch(self, patch: CheckedPatch, branch: str, message: str) -> str:
        """Commit the patch on top of the base commit as `branch`; the work tree is not touched.

        Returns the commit. A branch that is there already is moved only if it has the very same tree.
        Raises `PatchRejected`.
        """
        if not _BRANCH.match(branch) or ".." in branch:
            raise PatchRejected(f"{branch!r} is no branch name")
        with tempfile.TemporaryDirectory(prefix="swe-agent-") as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._must("read-tree", self.commit, environment=index)
            self._must("apply", "--cached", "--whitespace=nowarn", "-", stdin=patch.data, environment=index)
            tree = self._must("write-tree", environment=index).decode().strip()
        present = _git(self.directory, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{tree}}")
        if present.returncode == 0:
            if present.stdout.decode().strip() != tree:
                raise PatchRejected(f"there is a branch {branch!r} already, with other content")
            return self._must("rev-parse", f"refs/heads/{branch}").decode().strip()
        author = _identity(self.directory)
        made = self._must("commit-tree", tree, "-p", self.commit, "-F", "-", stdin=message.encode(), environment=author)
        commit = made.decode().strip()
        self._must("update-ref", f"refs/heads/{branch}", commit, "")
        return commit

    def _scratch_index(self, scratch: Path) -> dict[str, str]:
        """An index of the base commit in `scratch`, and an object store there over the repository's own."""
        objects = self._must("rev-parse", "--path-format=absolute", "--git-path", "objects").decode().strip()
        (scratch / "objects").mkdir()
        environment = {
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
            # quoted: a colon in the path would end it
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": json.dumps(objects, ensure_ascii=False),
        }
        self._must("read-tree", self.commit, environment=environment)
        return environment

    def _must(self, *args: str, stdin: bytes | None = None, environment: dict[str, str] | None = None) -> bytes:
        done = _git(self.directory, *args, stdin=stdin, environment=environment)
        if done.returncode != 0:
            detail = done.stderr.decode(errors="replace").strip()[-300:]
            raise RepositoryUnreadable(f"git {args[0]} failed in {self.directory}: {detail}")
        return done.stdout


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


def _identity(directory: Path) -> dict[str, str]:
    """Who commits: as the user's own git says, else the program's name."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    found: dict[str, str] = {}
    for key, default in (("name", "swe-agent"), ("email", "swe-agent@localhost")):
        asked = subprocess.run(
            ["git", "-C", str(directory), "config", f"user.{key}"],
            capture_output=True,
            text=True,
            check=False,
            env=plain,
        )
        value = asked.stdout.strip() or default
        found |= {f"GIT_AUTHOR_{key.upper()}": value, f"GIT_COMMITTER_{key.upper()}": value}
    return found
