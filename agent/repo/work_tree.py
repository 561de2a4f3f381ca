"""Applying a checked patch to the user's work tree, all or nothing.

git applies it to copies of the files that it changes. Only when all of them are there, written out beside the files
they replace, are they renamed into place; where one can't be, those before it are put back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from agent.errors import PatchRejected
from agent.repo.host_git import HostGit
from agent.repo.patch_policy import CheckedPatch

_HINT = "commit or stash your changes, or use --output branch"
_EXECUTABLE = 0o111


def apply_to_work_tree(root: Path, git_directory: Path, patch: CheckedPatch) -> None:
    """Apply a patch to the files below `root`, unstaged. Raises `PatchRejected`; the files are as before then."""
    _refuse_links(root, patch.files)
    with tempfile.TemporaryDirectory(prefix="swe-agent-") as made:
        scratch = Path(made).resolve()
        _copy(root, scratch, patch.files)
        environment = {"GIT_DIR": str(git_directory), "GIT_WORK_TREE": str(scratch)}
        done = HostGit.isolated(scratch, environment=environment).run("apply", "-", stdin=patch.data)
        if not done.ok:
            raise PatchRejected(f"the patch does not fit the work tree: {done.error}", hint=_HINT)
        swap = _Swap(root)
        try:
            for path in patch.files:
                swap.stage(path, scratch / path)
            swap.commit()
        except OSError as error:
            swap.undo()
            where = Path(error.filename).parent if error.filename else root
            raise PatchRejected(
                f"{where} can't be written: {error.strerror}; nothing was changed",
                hint="make it writable, or use --output branch",
            ) from error
        finally:
            swap.clean()


def _refuse_links(root: Path, paths: tuple[str, ...]) -> None:
    """Refuse to write where the work tree has a link, or a directory in place of a file."""
    for path in paths:
        for parent in (*reversed(PurePosixPath(path).parents[:-1]), PurePosixPath(path)):
            place, is_file = root / parent, str(parent) == path
            try:
                mode = place.lstat().st_mode
            except FileNotFoundError:
                break
            except OSError as error:
                raise PatchRejected(f"{place} can't be read: {error.strerror}", hint=_HINT) from error
            if not (stat.S_ISREG(mode) if is_file else stat.S_ISDIR(mode)):
                what = "a link" if stat.S_ISLNK(mode) else "no file" if is_file else "no directory"
                raise PatchRejected(f"the patch does not fit the work tree: {parent} is {what} there", hint=_HINT)


def _copy(root: Path, scratch: Path, paths: tuple[str, ...]) -> None:
    """Copy the files, and the attributes that say how git converts them."""
    parents = {parent for path in paths for parent in PurePosixPath(path).parents}
    wanted = {*paths, *(str(parent / ".gitattributes") for parent in parents)}
    for path in sorted(wanted):
        source, target = root / path, scratch / path
        if source.is_symlink() or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, target)
            target.chmod(0o600 | (source.stat().st_mode & _EXECUTABLE))
        except OSError as error:
            raise PatchRejected(f"{source} can't be read: {error.strerror}", hint=_HINT) from error


@dataclass
class _Swap:
    """The files to replace, each with its new content beside it (None: to be removed)."""

    root: Path
    staged: list[tuple[Path, Path | None]] = field(default_factory=list)
    moved: list[tuple[Path, Path | None]] = field(default_factory=list)  # and where the old one is
    made: list[Path] = field(default_factory=list)  # directories

    def stage(self, path: str, source: Path) -> None:
        """Write the new content beside the file. Raises `OSError`."""
        place = self.root / path
        if not source.exists():
            self._probe(place)
            self.staged.append((place, None))
            return
        self._make_parents(place)
        new = _beside(place, "new")
        self.staged.append((place, new))
        with new.open("xb") as file, source.open("rb") as content:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())
        mode = stat.S_IMODE((place if place.exists() else new).stat().st_mode) & 0o777
        executable = bool(source.stat().st_mode & _EXECUTABLE)
        if executable != bool(mode & _EXECUTABLE):
            mode = mode | (mode & 0o444) >> 2 if executable else mode & ~_EXECUTABLE
        new.chmod(mode)

    def _make_parents(self, place: Path) -> None:
        missing = [parent for parent in place.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            self.made.append(parent)

    def _probe(self, place: Path) -> None:
        """Raise where a file can't be removed: its directory is written to, and left as it was."""
        probe = _beside(place, "new")
        probe.touch(exist_ok=False)
        probe.unlink()

    def commit(self) -> None:
        """Put the new files in place of the old ones. Raises `OSError`."""
        for place, new in self.staged:
            old = _beside(place, "old") if place.exists() else None
            if old is not None:
                place.rename(old)
            self.moved.append((place, old))
            if new is not None:
                new.rename(place)
        replaced, self.moved, self.made = self.moved, [], []
        for place, old in replaced:
            if old is not None:
                with contextlib.suppress(OSError):
                    old.unlink()
            if not place.exists():
                self._remove_empty(place.parent)

    def _remove_empty(self, directory: Path) -> None:
        """Remove a directory that has no file any more, and those above it, as git does."""
        with contextlib.suppress(OSError):
            while directory != self.root:
                directory.rmdir()
                directory = directory.parent

    def undo(self) -> None:
        """Put the old files back."""
        for place, old in reversed(self.moved):
            with contextlib.suppress(OSError):
                if old is not None:
                    old.replace(place)
                else:
                    place.unlink()
        self.moved.clear()

    def clean(self) -> None:
        """Remove what was staged and not used."""
        for _, new in self.staged:
            if new is not None:
                new.unlink(missing_ok=True)
        for directory in reversed(self.made):
            with contextlib.suppress(OSError):
                directory.rmdir()


def _beside(place: Path, kind: str) -> Path:
    return place.with_name(f".{place.name[:100]}.{os.urandom(4).hex()}.{kind}")
