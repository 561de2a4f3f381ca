"""A patch reaches the work tree whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import digest, git, make_repository, ordinary_user

from agent.errors import PatchRejected, RepositoryUnreadable
from agent.repo.host import HostRepository
from agent.repo.patch_policy import CheckedPatch

FILES = {"a.py": "a\n", "locked/b.py": "b\n", "run.sh": "#!/bin/sh\n", "old/gone.py": "x\n", "z.py": "z\n"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A repository where an ordinary user can reach it, too."""
    made = Path(tempfile.mkdtemp(prefix="swe-agent-test-"))
    made.chmod(0o755)
    yield make_repository(made / "repository", FILES)
    shutil.rmtree(made)


def patch_of(place: Path, **changes: str | None) -> tuple[HostRepository, CheckedPatch]:
    """A patch that sets files, by their names with `__` for `/` and `_` for `.`, or removes them."""
    for name, text in changes.items():
        path = place / name.replace("__", "/").replace("_", ".")
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    git(place, "add", "-A")
    data = git(place, "diff", "--cached", "--binary").encode()
    git(place, "reset", "-q", "--hard")
    repository = HostRepository.open(place)
    return repository, repository.check(data)


def test_files_are_changed_added_and_removed(place: Path) -> None:
    repository, patch = patch_of(place, a_py="A\n", new__c_py="c\n", old__gone_py=None, run_sh="#!/bin/sh\nexit\n")
    (place / "z.py").write_text("my own work\n")
    (place / "run.sh").chmod(0o750)
    repository.apply(patch)
    assert git(place, "status", "--porcelain").splitlines() == [
        " M a.py", " D old/gone.py", " M run.sh", " M z.py", "?? new/",
    ]  # fmt: skip
    assert (place / "a.py").read_text() == "A\n"
    assert (place / "run.sh").stat().st_mode & 0o777 == 0o750
    assert not (place / "old").exists()
    assert sorted(each.name for each in place.iterdir()) == [".git", "a.py", "locked", "new", "run.sh", "z.py"]


@pytest.mark.parametrize("locked", [{"locked__b_py": "B\n"}, {"locked__b_py": None}, {"locked__c_py": "new\n"}])
def test_a_directory_that_can_not_be_written_leaves_everything_as_it_was(
    place: Path, locked: dict[str, str | None]
) -> None:
    repository, patch = patch_of(place, a_py="A\n", new__c_py="c\n", z_py=None, **locked)
    (place / "locked").chmod(0o555)
    before = digest(place)
    with (
        ordinary_user(place),
        pytest.raises(PatchRejected, match="locked can't be written: Permission denied; nothing"),
    ):
        repository.apply(patch)
    assert digest(place) == before
    (place / "locked").chmod(0o755)
    repository.apply(patch)
    assert (place / "a.py").read_text() == "A\n"


def test_a_rename_that_fails_half_way_is_undone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, patch = patch_of(place, a_py="A\n", new__c_py="c\n", old__gone_py=None, z_py="Z\n")
    before, rename = digest(place), Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target.name == "z.py":
            raise OSError(28, "No space left on device", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PatchRejected, match="No space left on device; nothing was changed"):
        repository.apply(patch)
    assert digest(place) == before


def test_uncommitted_changes_elsewhere_in_a_file_are_kept(place: Path) -> None:
    (place / "a.py").write_text("".join(f"{n}\n" for n in range(20)))
    git(place, "commit", "-qam", "longer")
    repository, patch = patch_of(place, a_py="".join(f"{n}\n" for n in range(19)) + "changed\n")
    (place / "a.py").write_text("mine\n" + "".join(f"{n}\n" for n in range(1, 20)))
    repository.apply(patch)
    assert (place / "a.py").read_text() == "mine\n" + "".join(f"{n}\n" for n in range(1, 19)) + "changed\n"


def test_what_does_not_fit_changes_nothing(place: Path) -> None:
    repository, patch = patch_of(place, a_py="A\n", new__c_py="c\n", z_py="Z\n")
    for name, text in (("z.py", "mine\n"), ("new/c.py", "mine\n")):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
        before = digest(place)
        with pytest.raises(PatchRejected, match="does not fit the work tree"):
            repository.apply(patch)
        assert digest(place) == before
        git(place, "reset", "-q", "--hard")
        git(place, "clean", "-qfd")


def test_nothing_is_written_through_a_link(place: Path, tmp_path: Path) -> None:
    repository, patch = patch_of(place, a_py="A\n", locked__b_py="B\n")
    outside = tmp_path / "outside"
    shutil.copytree(place / "locked", outside)
    shutil.rmtree(place / "locked")
    (place / "locked").symlink_to(outside)
    with pytest.raises(PatchRejected, match="locked is a link there"):
        repository.apply(patch)
    (place / "locked").unlink()
    (place / "locked").mkdir()
    (place / "locked" / "b.py").symlink_to(outside / "b.py")
    with pytest.raises(PatchRejected, match=r"locked/b\.py is a link there"):
        repository.apply(patch)
    assert (outside / "b.py").read_text() == "b\n"
    assert (place / "a.py").read_text() == "a\n"


def test_line_endings_are_converted_as_the_repository_says(place: Path) -> None:
    (place / ".gitattributes").write_text("*.py text eol=crlf\n")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "CRLF in the work tree")
    for name in ("a.py", "z.py"):
        (place / name).unlink()
    git(place, "checkout", "-q", ".")
    repository, patch = patch_of(place, a_py="A\n")
    assert (place / "a.py").read_bytes() == b"a\r\n"
    repository.apply(patch)
    assert (place / "a.py").read_bytes() == b"A\r\n"
    assert git(place, "status", "--porcelain") == " M a.py\n"


def test_a_repository_that_can_not_be_written_is_told_before_the_work(place: Path) -> None:
    repository = HostRepository.open(place)
    repository.check_writable(work_tree=True)
    place.chmod(0o555)
    (place / ".git" / "objects").chmod(0o555)
    (place / ".git" / "refs" / "heads").chmod(0o555)
    with ordinary_user(place):
        for work_tree in (True, False):
            with pytest.raises(RepositoryUnreadable, match="can't be written to"):
                repository.check_writable(work_tree=work_tree)
        with pytest.raises(PatchRejected, match="can't be made"):
            repository.free_branch("swe-agent/one")
