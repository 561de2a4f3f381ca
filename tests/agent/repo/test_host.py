"""The user's repository: read whole and as it is, changed only when asked."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from agent.errors import PatchRejected, RepositoryUnreadable
from agent.repo.host import HostRepository


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", "-C", str(directory), *identity, *args], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "repository"
    directory.mkdir()
    (directory / "code.py").write_bytes(b"one\r\ntwo\n")
    (directory / "run.sh").write_text("#!/bin/sh\n")
    (directory / "run.sh").chmod(0o755)
    (directory / "link").symlink_to("code.py")
    (directory / "bytes").write_bytes(bytes(range(256)))
    (directory / ".gitattributes").write_text("*.py text eol=lf export-ignore\n*.sh filter=evil\n")
    git(directory, "init", "-q")
    git(directory, "config", "core.autocrlf", "false")
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "base")
    return directory


def test_the_tar_holds_every_blob_as_it_is(place: Path) -> None:
    owned = place.parent / "owned"
    git(place, "config", "filter.evil.smudge", f"touch {owned}; cat")
    repository = HostRepository.open(place)
    with tarfile.open(fileobj=io.BytesIO(repository.tar())) as tar:
        assert sorted(tar.getnames()) == [".gitattributes", "bytes", "code.py", "link", "run.sh"]
        assert tar.getmember("run.sh").mode == 0o755
        assert tar.getmember("link").linkname == "code.py"
        assert len({member.mtime for member in tar}) == 1
        assert tar.getmember("run.sh").mtime >= 315_532_800
        read = tar.extractfile("bytes")
        assert read is not None
        assert read.read() == bytes(range(256))
    assert not owned.exists()


def test_a_directory_inside_is_enough(place: Path) -> None:
    (place / "deep" / "er").mkdir(parents=True)
    assert HostRepository.open(place / "deep" / "er").directory == place.resolve()


def test_what_is_no_repository_is_told(tmp_path: Path, place: Path) -> None:
    for directory, base in ((tmp_path / "nowhere", "HEAD"), (tmp_path, "HEAD"), (place, "no-such"), (place, "--all")):
        with pytest.raises(RepositoryUnreadable):
            HostRepository.open(directory, base)
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    with pytest.raises(RepositoryUnreadable, match="HEAD"):
        HostRepository.open(empty)


def test_uncommitted_changes_are_noticed_without_touching_the_index(place: Path) -> None:
    repository = HostRepository.open(place)
    index = (place / ".git" / "index").read_bytes()
    os.utime(place / "code.py", (1, 1))
    assert not repository.is_dirty()
    (place / "run.sh").write_text("changed\n")
    assert repository.is_dirty()
    assert (place / ".git" / "index").read_bytes() == index


PATCH = b"diff --git a/run.sh b/run.sh\n--- a/run.sh\n+++ b/run.sh\n@@ -1 +1,2 @@\n #!/bin/sh\n+exit 1\n"


def test_a_branch_is_made_without_touching_the_work_tree(place: Path) -> None:
    repository = HostRepository.open(place)
    patch = repository.check(PATCH)
    (place / "run.sh").write_text("my own work\n")
    name, commit = repository.commit_to_branch(patch, "swe-agent/one", "Fix: it\n")
    assert name == "swe-agent/one"
    assert git(place, "show", "swe-agent/one:run.sh") == "#!/bin/sh\nexit 1\n"
    assert git(place, "rev-parse", "swe-agent/one^").strip() == repository.commit
    assert (place / "run.sh").read_text() == "my own work\n"
    assert repository.commit_to_branch(patch, "swe-agent/one", "again") == ("swe-agent/one", commit)
    for name in ("../evil", "-x", "a..b", "a b", "a.lock", "a/", "a//b", "a."):
        with pytest.raises(PatchRejected):
            repository.commit_to_branch(patch, name, "x")


def test_a_branch_that_is_there_already_loses_nothing(place: Path) -> None:
    repository = HostRepository.open(place)
    patch = repository.check(PATCH)
    git(place, "branch", "swe-agent/other")
    assert repository.free_branch("swe-agent/other") == "swe-agent/other-2"
    name, commit = repository.commit_to_branch(patch, "swe-agent/other", "x")
    assert (name, git(place, "rev-parse", name).strip()) == ("swe-agent/other-2", commit)
    assert repository.commit_to_branch(patch, "swe-agent/other", "x") == (name, commit)
    assert git(place, "rev-parse", "swe-agent/other").strip() == repository.commit


def test_a_branch_whose_name_excludes_others_loses_nothing(place: Path) -> None:
    git(place, "branch", "swe-agent")
    repository = HostRepository.open(place)
    assert repository.free_branch("swe-agent/one") == "swe-agent-one"
    assert git(place, "branch", "--format=%(refname:short)").split() == ["master", "swe-agent"]
    name, _ = repository.commit_to_branch(repository.check(PATCH), "swe-agent/one", "NUL \0, \ud800 and \x1b[31m\n")
    assert name == "swe-agent-one"
    assert git(place, "log", "-1", "--format=%s", name) == "NUL , ? and \x1b[31m\n"


def test_applying_is_all_or_nothing(place: Path) -> None:
    repository = HostRepository.open(place)
    patch = repository.check(PATCH)
    (place / "run.sh").write_text("my own work\n")
    with pytest.raises(PatchRejected, match="work tree"):
        repository.apply(patch)
    assert (place / "run.sh").read_text() == "my own work\n"
    git(place, "checkout", "-q", "run.sh")
    repository.apply(patch)
    assert (place / "run.sh").read_text() == "#!/bin/sh\nexit 1\n"
