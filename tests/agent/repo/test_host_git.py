"""Git on the host runs nothing that its surroundings name, stays within its bounds, and is loaded when it is needed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from support import git, make_repository

from agent.errors import PatchRejected, RepositoryUnreadable
from agent.repo import host_git
from agent.repo.host import HostRepository
from agent.repo.host_git import HostGit


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", {"code.py": "one\n", "ä ö": "x\n"})


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=given | environment)


# ---------------------------------------------------------------- when it is loaded


def test_gitpython_is_loaded_when_git_is_needed() -> None:
    code = "import sys, agent.repo.host, agent.repo.clone, agent.repo.host_git; print('git' in sys.modules)"
    assert python(code).stdout == "False\n"


def test_where_git_is_missing_the_error_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import pathlib; from agent.repo.host import HostRepository\n"
        "try: HostRepository.open(pathlib.Path('.'))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert python(code, PATH=str(tmp_path)).stdout == "RepositoryUnreadable git is not installed (apt install git)\n"


def test_gitpython_itself_can_be_loaded_without_git(tmp_path: Path) -> None:
    code = "import os; from agent.repo.host_git import _gitpython; print(_gitpython().__name__, os.environ.get('GIT_PYTHON_REFRESH'))"
    assert python(code, PATH=str(tmp_path)).stdout == "Git None\n"
    assert python(code, PATH=str(tmp_path), GIT_PYTHON_REFRESH="raise").stdout == "Git raise\n"


def test_threads_that_load_gitpython_at_once_leave_the_environment_as_it_was() -> None:
    code = (
        "import os; from concurrent.futures import ThreadPoolExecutor; from agent.repo.host_git import _gitpython\n"
        "with ThreadPoolExecutor(8) as pool: classes = set(pool.map(lambda _: _gitpython(), range(64)))\n"
        "print(len(classes), 'GIT_PYTHON_REFRESH' in os.environ)"
    )
    assert python(code).stdout == "1 False\n"


# ---------------------------------------------------------------- what it does not run


def test_nothing_is_inherited_from_the_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    HostGit.isolated(place)  # GitPython's import runs `git version` as the user would
    owned = place.parent / "owned"
    other = make_repository(place.parent / "other", {"evil.py": "x\n"})
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_EXTERNAL_DIFF": f"touch {owned}; true",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": f"touch {owned}; true",
        "GIT_TRACE": str(owned),
        "GIT_CONFIG_GLOBAL": str(place.parent / "config"),
    }.items():
        monkeypatch.setenv(name, value)
    (place.parent / "config").write_text(f'[core]\n\tfsmonitor = "touch {owned}; true"\n')
    repository = HostRepository.open(place)
    assert repository.directory == place.resolve()
    assert [entry.path for entry in repository.entries()] == ["code.py", "ä ö"]
    assert repository.is_dirty() is False
    assert repository.check(new_file("a.py")).files == ("a.py",)
    assert not owned.exists()


@pytest.mark.parametrize(
    "key", ["core.fsmonitor", "diff.external", "core.pager", "core.sshCommand", "core.editor", "filter.x.clean"]
)
def test_nothing_is_run_that_the_repository_names(place: Path, key: str) -> None:
    owned = place.parent / "owned"
    git(place, "config", key, f"touch {owned}; true")
    (place / ".gitattributes").write_text("* filter=x diff=x\n")
    os.utime(place / "code.py", (1, 1))
    repository = HostRepository.open(place)
    repository.is_dirty()
    repository.check(new_file("a.py"))
    repository.commit_to_branch(repository.check(new_file("b.py")), "one", "It is done")
    assert not owned.exists()


def test_a_hook_does_not_run(place: Path) -> None:
    owned = place.parent / "owned"
    for name in ("post-commit", "reference-transaction", "post-checkout", "post-index-change"):
        hook = place / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {owned}\n")
        hook.chmod(0o755)
    repository = HostRepository.open(place)
    repository.commit_to_branch(repository.check(new_file("b.py")), "one", "It is done")
    repository.apply(repository.check(new_file("c.py")))
    assert not owned.exists()


# ---------------------------------------------------------------- bounds


def new_file(path: str, body: str = "x") -> bytes:
    return f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{body}\n".encode()


def test_what_git_does_not_read_in_time_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = HostRepository.open(place)
    patch = b"".join(new_file(f"f{number}") for number in range(200_000))
    monkeypatch.setattr(host_git, "PATCH_SECONDS", 0.02)
    with pytest.raises(PatchRejected, match="within"):
        repository.check(patch)


def test_git_gets_no_more_memory_than_the_bound(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = HostRepository.open(place)
    monkeypatch.setattr(host_git, "PATCH_ADDRESS_BYTES", 64 << 20)
    with pytest.raises(PatchRejected, match=r"(?i)memory"):
        repository.check(new_file("big", "x" * (40 << 20)))


def test_no_more_output_is_held_than_the_bound(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = HostRepository.open(place)
    monkeypatch.setattr(host_git, "PATCH_OUTPUT_BYTES", 100_000)
    assert len(repository.check(new_file("small", "x" * 90_000)).data) < 100_000
    with pytest.raises(PatchRejected, match="more than"):
        repository.check(new_file("large", "x" * 110_000))


def test_a_file_of_many_lines_packed_small_is_not_written_out(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "-q")
    (source / ".gitattributes").write_text("* binary\n")  # so that its patch holds it compressed
    (source / "lines").write_bytes(b"a\n" * (1 << 20))
    git(source, "add", "lines")
    diff = ["git", "-C", str(source), "diff", "--cached", "--binary", "--full-index"]
    patch = subprocess.run(diff, capture_output=True, check=True).stdout
    assert len(patch) < 50_000
    monkeypatch.setattr(host_git, "PATCH_OUTPUT_BYTES", 3 << 20)
    with pytest.raises(PatchRejected, match="more than"):
        HostRepository.open(place).check(patch)


def test_many_complaints_do_not_hold_git_up(place: Path) -> None:
    change = "diff --git a/f{0} b/f{0}\n--- a/f{0}\n+++ b/f{0}\n@@ -1 +1 @@\n-x\n+y\n"
    patch = "".join(change.format(number) for number in range(5_000)).encode()
    with pytest.raises(PatchRejected, match="f4999"):
        HostRepository.open(place).check(patch)


def test_files_beyond_the_number_are_refused_without_being_asked_for(place: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with pytest.raises(PatchRejected, match="5000 files"):
        HostRepository.open(place).check(b"".join(new_file(f"f{number}") for number in range(5_000)))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10  # a process a file takes more


def test_a_command_that_fails_says_why(place: Path) -> None:
    with pytest.raises(RepositoryUnreadable, match=r"git show failed in .*nowhere"):
        HostGit.isolated(place).must("show", "nowhere")


def test_reading_can_be_left_before_its_end(place: Path) -> None:
    repository = HostRepository.open(place)
    entries = repository.entries() * 5_000
    assert next(iter(repository.blobs(entries)))[1] == b"one\n"
