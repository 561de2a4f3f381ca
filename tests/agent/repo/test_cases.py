"""Cases 24 and 25 of the sandbox's reference: whatever a patch holds, the host's files and programs are its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import digest, git, make_repository

from agent.errors import SweAgentError
from agent.repo.host import HostRepository

FILES = {"code.py": "one\ntwo\nthree\n", "sub/a.txt": "x\n", ".github/ci.yml": "x\n"}
PATHS = st.sampled_from(
    ["code.py", "sub/a.txt", "new.txt", "../out.txt", "a/../../out.txt", "/etc/out", ".git/hooks/pre-commit", ".GIT/config",
     "sub/.git/config", ".git./x", "git~1/x", ".g\u200cit/x", "link", "link/x", "sub", ".gitmodules", ".gitattributes",
     ".github/ci.yml", ".GitHub/x", "AGENTS.md", "code.py/x", "a\\..\\b", "\x7f", ".", "..", "a//b", "C:/x", "con", "sub/.."]
)  # fmt: skip
MODES = st.sampled_from(["100644", "100755", "104755", "120000", "160000", "040000", "100666", "777", "1" * 30])
KINDS = st.sampled_from(["new", "change", "delete", "rename", "copy", "mode", "binary", "bare"])
BODIES = st.sampled_from(["x", "/etc/passwd", "../..", "\x1b[31m", "Subproject commit " + "1" * 40, "two", "\\", ""])


def section(kind: str, path: str, other: str, mode: str, body: str) -> str:
    """One file's part of a patch."""
    head = f"diff --git a/{path} b/{other if kind in {'rename', 'copy'} else path}\n"
    return (
        head
        + {
            "new": f"new file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{body}\n",
            "change": f"--- a/{path}\n+++ b/{path}\n@@ -1,3 +1,3 @@\n one\n-two\n+{body}\n three\n",
            "delete": f"deleted file mode {mode}\n--- a/{path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
            "rename": f"similarity index 100%\nrename from {path}\nrename to {other}\n",
            "copy": f"similarity index 100%\ncopy from {path}\ncopy to {other}\n",
            "mode": f"old mode 100644\nnew mode {mode}\n",
            "binary": f"new file mode {mode}\nindex 0000000..1111111\nGIT binary patch\nliteral 1\nIcmZ?{body}\n\n",
            "bare": f"--- a/{path}\n+++ b/{other}\n@@ -0,0 +1 @@\n+{body}\n",
        }[kind]
    )


PATCHES = st.lists(st.builds(section, KINDS, PATHS, PATHS, MODES, BODIES), min_size=1, max_size=4).map("".join)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a link in it, in a directory of which every byte is watched."""
    directory = tmp_path_factory.mktemp("host")
    (directory / "outside.txt").write_text("outside\n")
    repository = make_repository(directory / "repository", FILES)
    (repository / "link").symlink_to("../outside.txt")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "link")
    return directory


def outside(place: Path) -> str:
    return digest(place / "repository" / ".git" / "hooks") + (place / "outside.txt").read_text()


@settings(max_examples=150, deadline=None)
@given(patch=PATCHES)
def test_case_24_no_patch_changes_the_host_but_by_files_that_keep_the_rules(place: Path, patch: str) -> None:
    repository = HostRepository.open(place / "repository")
    before, around = digest(place), outside(place)
    try:
        checked = repository.check(patch.encode("utf-8", "surrogatepass"))
    except SweAgentError:
        checked = None
    assert digest(place) == before
    if checked is None:
        return
    assert not {"AGENTS.md", ".github/ci.yml", ".gitattributes"} & set(checked.files)
    try:
        repository.apply(checked)
    except SweAgentError:
        assert digest(place) == before
        return
    try:
        assert outside(place) == around
        changed = git(repository.directory, "status", "--porcelain", "-uall", "-z").split("\0")
        assert {each[3:] for each in changed if each} <= set(checked.files)
        assert not [each for each in repository.directory.rglob("*") if each.is_symlink() and each.name != "link"]
        assert [each for each in place.iterdir() if each.name not in {"outside.txt", "repository"}] == []
    finally:
        git(repository.directory, "reset", "-q", "--hard")
        git(repository.directory, "clean", "-qfdx")


PLANTED = """[core]
\tfsmonitor = {run}
\tsshCommand = {run}
\thooksPath = {hooks}
\tpager = {run}
\teditor = {run}
[filter "x"]
\tclean = {run}
\tsmudge = {run}
\tprocess = {run}
[diff "x"]
\ttextconv = {run}
\tcommand = {run}
[diff]
\texternal = {run}
[merge "x"]
\tdriver = {run}
[gpg]
\tprogram = {run}
[commit]
\tgpgSign = true
[credential]
\thelper = !{run}
[alias]
\tapply = !{run}
[uploadpack]
\tpackObjectsHook = {run}
"""


def test_case_25_nothing_that_is_planted_for_git_runs_on_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "repository", FILES)
    canary, hooks = tmp_path / "canary", repository / ".git" / "hooks"
    run = f"touch {canary} && cat"
    for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction", "pre-applypatch", "post-commit",
                 "applypatch-msg", "commit-msg", "prepare-commit-msg", "update", "fsmonitor-watchman"):  # fmt: skip
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    before_planting = HostRepository.open(repository)
    with (repository / ".git" / "config").open("a") as config:
        config.write(PLANTED.format(run=run, hooks=hooks))
    user = tmp_path / "user.gitconfig"
    user.write_text(PLANTED.format(run=run, hooks=hooks))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    attributes = section("new", ".gitattributes", "", "100644", "* filter=x diff=x merge=x")
    patch = (section("change", "code.py", "", "100644", "2") + attributes).encode()
    for host in (before_planting, HostRepository.open(repository)):
        assert host.is_dirty() is False
        assert host.read_file("code.py") == b"one\ntwo\nthree\n"
        assert host.tar()
        checked = host.check(patch)
        assert (checked.files, checked.left_out) == (("code.py",), (".gitattributes",))
        assert host.free_branch("swe-agent/one")
        name, _ = host.commit_to_branch(checked, "swe-agent/one", "x")
        assert name == "swe-agent/one"
    before_planting.apply(checked)
    assert (repository / "code.py").read_text() == "one\n2\nthree\n"
    assert not canary.exists()


def test_case_25_planted_settings_do_run_where_nobody_guards(tmp_path: Path) -> None:
    """The canary works: the user's own git, in the same repository, runs what is planted."""
    repository, canary = make_repository(tmp_path / "repository", FILES), tmp_path / "canary"
    git(repository, "config", "core.fsmonitor", f"touch {canary}; false")
    subprocess.run(["git", "status"], cwd=repository, env=os.environ, capture_output=True, check=False)
    assert canary.exists()
