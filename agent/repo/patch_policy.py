"""The rules a change must keep to leave the sandbox. `git apply` alone lets too much through.

It refuses `../`, absolute paths and `.git`; it accepts symlinks, gitlinks, set-uid modes and workflow files. The rules
are applied to what git made of the patch in a scratch index, not to the patch's text. A patch that breaks one is
refused whole; changes of protected paths (`protected_paths`) are left out of it instead.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.errors import PatchRejected
from agent.repo.protected_paths import folded, is_allowed, is_protected

MAX_FILES = 100
MAX_BLOB_BYTES = 16 << 20
REGULAR_FILES = frozenset({"100644", "100755"})
_MODES = REGULAR_FILES | {"000000"}
# Names that some file system takes for .git: case, the Windows short name, ignorable characters and streams.
_DOT_GIT = re.compile(r"^(\.git|git~\d+)([. ]*|::?\$.*)$", re.IGNORECASE)
_IGNORABLE = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# What may be, in some spelling, a name that git knows a repository by; the other paths need no closer look.
_OF_REPOSITORY = re.compile(r"head|objects|refs|commondir|[^ -~]", re.IGNORECASE)


@dataclass(frozen=True)
class CheckedPatch:
    """A patch that kept the rules: its bytes, as git on the host wrote them, and the paths it changes, in its order.

    `left_out` are the paths whose changes were taken out of it, since they run or steer something.
    """

    data: bytes
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As text; a patch with bytes that are not UTF-8 in it has them replaced."""
        return self.data.decode("utf-8", "replace")

    @property
    def base64(self) -> str | None:
        """The bytes in Base64, where they are not UTF-8 text."""
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError:
            return b64encode(self.data).decode("ascii")
        return None


@dataclass(frozen=True)
class Change:
    """One changed file, as git sees it: modes before and after (`000000` where it is absent), size after in bytes.

    `old_blob` is the id of its content before, zeros where it was absent.
    """

    path: str
    old_mode: str
    new_mode: str
    size: int = 0
    old_blob: str = ""


def _check_path(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise PatchRejected(f"the patch writes outside the repository: {path!r}")
    for part in parts:
        if _DOT_GIT.match(_IGNORABLE.sub("", part)):
            raise PatchRejected(f"the patch writes into git's own directory: {path!r}")
    if parts[-1].lower() == ".gitmodules":
        raise PatchRejected("the patch changes submodules")


def changes_to_leave_out(changes: Sequence[Change], allowed: Sequence[str] = ()) -> list[Change]:
    """The changes of protected paths that no pattern of `allowed` names, and of files that stand where those are."""
    left = [change for change in changes if is_protected(change.path) and not is_allowed(change.path, allowed)]
    above = {str(parent) for change in left for parent in PurePosixPath(change.path).parents}
    return [change for change in changes if change in left or change.path in above]


def check_changes(changes: Sequence[Change], *, max_files: int = MAX_FILES) -> None:
    """Hold changes to the rules; raises `PatchRejected`.

    Paths inside the repository, none of git's own in any spelling, no submodules, no symlinks (so none that leads
    out), only modes 644 and 755, at most `max_files` files of 16 MiB.
    """
    if len(changes) > max_files:
        raise PatchRejected(f"the patch changes {len(changes)} files, over the limit of {max_files}")
    for change in changes:
        _check_path(change.path)
        for mode in (change.old_mode, change.new_mode):
            if mode not in _MODES:
                what = {"120000": "a symbolic link", "160000": "a submodule"}.get(mode, f"mode {mode}")
                raise PatchRejected(f"the patch makes or changes {what}: {change.path!r}")
        if change.size > MAX_BLOB_BYTES:
            raise PatchRejected(f"{change.path!r} would be {change.size} bytes, over the limit of {MAX_BLOB_BYTES}")


def check_no_repository(changes: Sequence[Change], paths: Iterable[str]) -> None:
    """Raise `PatchRejected` for a change in a directory that git takes for a repository; `paths` is all there is then.

    Such a directory needs no `.git`: it has a `HEAD`, and `objects` and `refs` or a `commondir` that says where those
    are (`is_git_directory` in git's setup.c). git run inside it follows its `config`, which names programs.
    """
    names: dict[tuple[str, ...], set[str]] = {}
    for path in filter(_OF_REPOSITORY.search, paths):
        parts = _folded_parts(path)
        for at, part in enumerate(parts):
            names.setdefault(parts[:at], set()).add(part)
    found = {
        place
        for place, each in names.items()
        if "head" in each and ({"objects", "refs"} <= each or "commondir" in each)
    }
    for change in changes if found else ():
        parts = _folded_parts(change.path)
        if any(parts[:at] in found for at in range(len(parts))):
            raise PatchRejected(f"the patch writes into a directory that git takes for a repository: {change.path!r}")


def _folded_parts(path: str) -> tuple[str, ...]:
    return tuple(folded(part) for part in PurePosixPath(path).parts)
