"""The rules for leaving the sandbox, on diffs as git writes and reads them; the host stays byte for byte the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import digest

from agent.errors import PatchRejected
from agent.repo.host import HostRepository


def git(directory: Path, *args: str) -> bytes:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "core.symlinks=true"]
    return subprocess.run(["git", "-C", str(directory), *identity, *args], capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> HostRepository:
    directory = tmp_path_factory.mktemp("repository")
    (directory / "code.py").write_text("one\ntwo\nthree\n")
    (directory / "odd name\twith tab").write_text("x\n")
    (directory / "link").symlink_to("code.py")
    git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "base")
    return HostRepository.open(directory)


def new_file(path: str, mode: str = "100644", body: str = "x") -> bytes:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\nindex 0000000..1111111\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{body}\n"
    ).encode()


def quoted(path: str) -> bytes:
    """A new file whose name is written with the escapes of C."""
    return f'diff --git "a/{path}" "b/{path}"\nnew file mode 100644\n--- /dev/null\n+++ "b/{path}"\n@@ -0,0 +1 @@\n+x\n'.encode()


CHANGE = b"diff --git a/code.py b/code.py\n--- a/code.py\n+++ b/code.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"


def test_an_ordinary_change_passes_and_names_its_files(repository: HostRepository) -> None:
    assert repository.check(CHANGE).files == ("code.py",)
    assert repository.check(CHANGE + new_file("a/b.txt")).files == ("a/b.txt", "code.py")
    assert repository.check(new_file("run.sh", "100755")).files == ("run.sh",)
    assert repository.check(b"").files == ()


@pytest.mark.parametrize(
    "patch",
    [
        new_file("../out.txt"),
        new_file("a/../../out.txt"),
        new_file("/etc/cron.d/x"),
        new_file(".git/hooks/pre-commit"),
        new_file(".GIT/config"),
        new_file("sub/.git/config"),
        new_file("git~1/config"),
        new_file(".g\u200cit/config"),
        new_file(".git./config"),
        new_file("evil", "120000", "/etc/passwd"),
        new_file("evil", "160000"),
        new_file("evil", "120000 ", "/etc/passwd"),
        new_file("evil", "120000\t", "/etc/passwd"),
        new_file("evil", "120000\r", "/etc/passwd"),
        new_file(".gitmodules"),
        new_file("link/through"),
        b"diff --git a/code.py b/code.py\nold mode 100644\nnew mode 120000\n",
        b"diff --git a/link b/link\nindex 1111111..2222222 120000\n--- a/link\n+++ b/link\n@@ -1 +1 @@\n"
        b"-code.py\n\\ No newline at end of file\n+/etc/passwd\n\\ No newline at end of file\n",
        quoted(r"\056git/hooks/pre-commit"),
        quoted(r"\056\056/out.txt"),
        quoted(r"sub/\056\147\151\164/config"),
        b"diff --git a/code.py b/../out.py\nsimilarity index 100%\nrename from code.py\nrename to ../out.py\n",
        b"diff --git a/code.py b/.git/x\nsimilarity index 100%\nrename from code.py\nrename to .git/x\n",
        new_file("sub", "160000", f"Subproject commit {'1' * 40}"),
        CHANGE.replace(b"two", b"not there"),
        b"no patch at all\n",
        b"".join(new_file(f"f{number}") for number in range(101)),
    ],
)
def test_what_may_not_leave_is_refused(repository: HostRepository, patch: bytes) -> None:
    before = digest(repository.directory)
    with pytest.raises(PatchRejected):
        repository.check(patch)
    assert digest(repository.directory) == before


BARE = ("docs/HEAD", "docs/config", "docs/objects/x", "docs/refs/x")


@pytest.mark.parametrize(
    "paths",
    [
        BARE,
        ("HEAD", "objects/x", "refs/x"),
        ("docs/head", "Docs/Objects/x", "DOCS/refs./x"),
        ("docs/HEAD", "docs/ob\u200cjects/x", "docs/refs/x"),
        ("docs/HEAD", "docs/objects", "docs/refs"),
        ("docs/HEAD", "docs/commondir", "lib/objects/x", "lib/refs/x", "lib/config"),
    ],
)
def test_a_repository_in_a_directory_of_the_change_is_refused(
    repository: HostRepository, paths: tuple[str, ...]
) -> None:
    with pytest.raises(PatchRejected, match="takes for a repository"):
        repository.check(CHANGE + b"".join(map(new_file, paths)))
    for at in range(len(paths) - 2):
        assert repository.check(new_file(paths[at])).files == (paths[at],)


def test_a_repository_that_is_made_or_changed_in_parts_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for path in (*BARE, "half/HEAD", "half/objects/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    host = HostRepository.open(tmp_path)
    for path in ("half/refs/x", "docs/hooks", "docs/info/attributes"):
        with pytest.raises(PatchRejected, match="takes for a repository"):
            host.check(new_file(path))
    assert host.check(new_file("half/config") + new_file("code.py")).files == ("code.py", "half/config")


HARD = {
    "absurd hunk": CHANGE.replace(b"-1,3 +1,3", b"-1,99999999999999999999 +1,99999999999999999999"),
    "digits": CHANGE.replace(b"-1,3 +1,3", b"-1," + b"9" * 100_000 + b" +1,3"),
    "NULs": b"\0" * 1_000_000 + CHANGE.replace(b"two", b"\0" * 1_000_000),
    "carriage returns": CHANGE.replace(b"\n", b"\r"),
    "one line of headers": b"diff --git " + b"a/" * 1_000_000 + b"\n",
    "60 MB": new_file("a", body="x" * (60 << 20)),
    "deep renames": b"".join(
        f"diff --git a/{'d/' * n}a b/{'d/' * (n + 1)}a\nrename from {'d/' * n}a\nrename to {'d/' * (n + 1)}a\n".encode()
        for n in range(1_500)
    ),
}


@pytest.mark.parametrize("patch", HARD.values(), ids=HARD.keys())
def test_a_patch_that_is_made_to_be_hard_is_refused(repository: HostRepository, patch: bytes) -> None:
    before = digest(repository.directory)
    with pytest.raises(PatchRejected):
        repository.check(patch)
    assert digest(repository.directory) == before


def test_what_is_given_out_is_what_git_made_of_it(repository: HostRepository) -> None:
    rename = b"diff --git a/code.py b/moved.py\nsimilarity index 100%\nrename from code.py\nrename to moved.py\n"
    patch = repository.check(rename)
    assert patch.files == ("code.py", "moved.py")
    assert b"rename" not in patch.data
    assert b"new file mode 100755\n" in repository.check(new_file("set-uid", "104755")).data
    assert repository.check(quoted(r"\141\000b")).files == ("a",)


def test_a_patch_that_unpacks_to_too_much_is_refused(repository: HostRepository, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"\0" * (20 << 20))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "big")
    patch = git(tmp_path, "diff", "--cached", "--binary", "--full-index")
    assert len(patch) < 200_000
    with pytest.raises(PatchRejected, match="limit"):
        repository.check(patch)


def left_out(repository: HostRepository, patch: bytes, *allowed: str) -> tuple[str, ...]:
    """What is left out of a patch that also changes an ordinary file, which stays in it."""
    before = digest(repository.directory)
    checked = repository.check(CHANGE + patch, allowed=allowed)
    assert "code.py" in checked.files
    assert b"+2\n" in checked.data
    for path in checked.left_out:
        assert path not in checked.files
        assert path.encode() not in checked.data
    assert repository.check(checked.data, allowed=allowed).data == checked.data
    assert digest(repository.directory) == before
    return checked.left_out


@pytest.mark.parametrize("path", [".github/workflows/ci.yml", ".GitHub/x", ".github./x", "a/AGENTS.md"])
def test_what_runs_or_steers_something_is_left_out_and_the_rest_is_kept(repository: HostRepository, path: str) -> None:
    assert left_out(repository, new_file(path)) == (path,)
    assert left_out(repository, new_file(path, "100755") + new_file("b/c.py")) == (path,)


def test_other_spellings_of_a_patch_are_left_out_too(repository: HostRepository) -> None:
    assert left_out(repository, quoted(r"\056github/workflows/ci.yml")) == (".github/workflows/ci.yml",)
    copied = (
        b"diff --git a/code.py b/.github/ci.yml\nsimilarity index 100%\ncopy from code.py\ncopy to .github/ci.yml\n"
    )
    assert repository.check(copied).left_out == (".github/ci.yml",)
    assert repository.check(copied).data == b""


@pytest.fixture
def workflow(tmp_path: Path) -> HostRepository:
    """A repository with a workflow."""
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "ci.yml").write_text("x\n")
    (tmp_path / "code.py").write_text("one\ntwo\nthree\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    return HostRepository.open(tmp_path)


REMOVED = b"diff --git a/.github/ci.yml b/.github/ci.yml\ndeleted file mode 100644\n--- a/.github/ci.yml\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"


def test_a_workflow_is_not_changed_removed_or_replaced(workflow: HostRepository) -> None:
    changed = b"--- a/.github/ci.yml\n+++ b/.github/ci.yml\n@@ -1 +1 @@\n-x\n+y\n"
    executable = b"diff --git a/.github/ci.yml b/.github/ci.yml\nold mode 100644\nnew mode 100755\n"
    for patch in (changed, executable, REMOVED):
        assert left_out(workflow, patch) == (".github/ci.yml",)
    assert left_out(workflow, REMOVED + new_file(".github")) == (".github", ".github/ci.yml")


def test_a_workflow_is_not_removed_under_another_name(workflow: HostRepository) -> None:
    renamed = b"diff --git a/.github/ci.yml b/moved.yml\nsimilarity index 100%\nrename from .github/ci.yml\nrename to moved.yml\n"
    checked = workflow.check(renamed)
    assert (checked.files, checked.left_out) == (("moved.yml",), (".github/ci.yml",))
    assert b".github" not in checked.data


def test_a_file_where_a_protected_one_was_below_is_left_out_with_it(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "AGENTS.md").write_text("x\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    patch = REMOVED.replace(b".github/ci.yml", b"docs/AGENTS.md") + new_file("docs")
    checked = HostRepository.open(tmp_path).check(patch)
    assert (checked.data, checked.left_out) == (b"", ("docs", "docs/AGENTS.md"))


def test_what_is_allowed_by_name_is_kept(repository: HostRepository) -> None:
    both = new_file(".github/workflows/ci.yml") + new_file("AGENTS.md")
    assert left_out(repository, both, ".github/workflows/ci.yml") == ("AGENTS.md",)
    assert left_out(repository, both, ".github", "AGENTS.md") == ()
    assert left_out(repository, both, "*", "**", "**/*.yml") == (".github/workflows/ci.yml",)


def test_whitespace_rules_of_the_repository_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("one\ntwo\nthree\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "apply.whitespace", "error")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    checked = HostRepository.open(tmp_path).check(CHANGE.replace(b"+2\n", b"+2  \t\n"))
    assert b"+2  \t\n" in checked.data


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_no_path_gets_out_or_changes_the_host(repository: HostRepository, path: str) -> None:
    before = digest(repository.directory)
    try:
        files = repository.check(new_file(path)).files
    except PatchRejected:
        files = ()
    for name in files:
        place = (repository.directory / name).resolve()
        assert place.is_relative_to(repository.directory.resolve())
        assert ".git" not in [part.lower() for part in Path(name).parts]
    assert digest(repository.directory) == before
