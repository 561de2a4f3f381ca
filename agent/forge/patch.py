"""The rules a diff must keep to leave the sandbox. `git apply` alone lets too much through.

It refuses `../`, absolute paths and `.git`; it accepts symlinks, gitlinks, set-uid modes and workflow files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.errors import PatchRejected

MAX_FILES = 100
_MODES = {"100644", "100755"}
_MODE = re.compile(
    r"^(?:old mode|new mode|deleted file mode|new file mode) (\d+)$|^index [0-9a-f]+\.\.[0-9a-f]+ (\d+)$"
)
# Names that some file system takes for .git: case, the Windows short name, ignorable characters and streams.
_DOT_GIT = re.compile(r"^(\.git|git~\d+)([. ]*|::?\$.*)$", re.IGNORECASE)
_IGNORABLE = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


@dataclass(frozen=True)
class CheckedPatch:
    """A patch that kept the rules: its bytes, and the paths it changes."""

    data: bytes
    files: tuple[str, ...]

    @property
    def text(self) -> str:
        """As text; a patch with bytes that are not UTF-8 in it has them replaced."""
        return self.data.decode("utf-8", "replace")


def _check_path(path: str, *, allow_workflows: bool) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise PatchRejected(f"the patch writes outside the repository: {path!r}")
    for part in parts:
        if _DOT_GIT.match(_IGNORABLE.sub("", part)):
            raise PatchRejected(f"the patch writes into git's own directory: {path!r}")
    if parts[-1] == ".gitmodules":
        raise PatchRejected("the patch changes submodules")
    if parts[0].lower() == ".github" and not allow_workflows:
        raise PatchRejected(
            f"the patch changes {path!r}, which can run on the forge with its rights",
            hint="workflow files are not changed unless that is allowed",
        )


def check_patch(
    data: bytes, paths: list[str], *, allow_workflows: bool = False, max_files: int = MAX_FILES
) -> CheckedPatch:
    """Check a diff that git made against the rules; raises `PatchRejected`.

    `paths` are those git itself reads out of `data` (`git apply --numstat -z`). The rules: paths inside the
    repository, none of git's own in any spelling, no submodules, no symlinks (so none that leads out), only modes
    644 and 755, no renames, no files under `.github` unless allowed, at most `max_files` files.
    """
    for path in paths:
        _check_path(path, allow_workflows=allow_workflows)
    if len(set(paths)) > max_files:
        raise PatchRejected(f"the patch changes {len(set(paths))} files, over the limit of {max_files}")
    for section in re.split(rb"^diff --git ", data, flags=re.MULTILINE):
        header = re.split(rb"^(?:@@ |GIT binary patch)", section, maxsplit=1, flags=re.MULTILINE)[0]
        for line in header.decode("utf-8", "replace").split("\n"):
            match = _MODE.match(line)
            mode = match and (match[1] or match[2])
            if mode and mode not in _MODES:
                what = {"120000": "a symbolic link", "160000": "a submodule"}.get(mode, f"mode {mode}")
                raise PatchRejected(f"the patch makes or changes {what} ({header.splitlines()[0].decode()})")
            if line.startswith(("rename ", "copy ", "similarity ")):
                raise PatchRejected("the patch renames or copies instead of writing the files out")
    return CheckedPatch(data, tuple(dict.fromkeys(paths)))
