"""Diffs are read as git writes them; one that is made to be hard is read as nothing, within bounds of time and memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import git

from agent.repo.diffs import ChangedLine, read_changed_lines, read_diff

NAMES = ["code.py", "a c/c d.txt", "ünïcode.py", 'tab\tquote".py', "line\nend", "--- dash", "x b c/d", "b/a/b", "{0}%s"]


def section(path: str, body: str = "@@ -1 +1 @@\n-old\n+new\n") -> bytes:
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{body}".encode()


def written(place: Path, *options: str) -> bytes:
    command = ["git", "-C", str(place), *options[:-1], "diff", "--no-renames", "--binary", "--full-index", options[-1]]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.parametrize("quoted", ["true", "false"])
def test_a_diff_of_git_is_read_as_it_is(tmp_path: Path, quoted: str) -> None:
    git(tmp_path, "init", "-q")
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n--- two\n+++ three\n")
    for name in ("gone.py", "mode.sh", "empty", "filled"):
        (tmp_path / name).write_text("x\n" if name == "gone.py" else "")
    (tmp_path / "bytes").write_bytes(b"\0\1")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    for name in NAMES:
        (tmp_path / name).write_text("one\n-- two\n++ three\nfour")
    (tmp_path / "gone.py").unlink()
    (tmp_path / "mode.sh").chmod(0o755)
    (tmp_path / "filled").write_text("now\n")
    (tmp_path / "bytes").write_bytes(b"\0\2diff --git a/x b/x\n" * 200)
    (tmp_path / "new empty").write_text("")
    (tmp_path / "new.py").write_bytes(b"\xff\r\n\rx\x0cy\n")
    git(tmp_path, "add", "-A")
    diff = written(tmp_path, "-c", f"core.quotePath={quoted}", "--cached")
    files = {file.path: file for file in read_diff(diff)}
    assert set(files) == {*NAMES, "gone.py", "mode.sh", "filled", "bytes", "new empty", "new.py"}
    assert b"".join(file.section for file in files.values()) == diff
    assert all((files[name].added, files[name].removed) == (3, 2) for name in NAMES)
    assert [name for name, file in files.items() if file.is_new] == ["new empty", "new.py"]
    assert b"deleted file mode" in files["gone.py"].section and files["gone.py"].added == 0
    assert b"GIT binary patch" in files["bytes"].section and (files["bytes"].added, files["bytes"].removed) == (0, 0)
    lines = read_changed_lines(diff)
    assert lines is not None
    assert [line for line in lines if line.path == "code.py"] == [
        ChangedLine("code.py", "-", "--- two", 2),
        ChangedLine("code.py", "-", "+++ three", 3),
        ChangedLine("code.py", "+", "-- two", 3),
        ChangedLine("code.py", "+", "++ three", 3),
        ChangedLine("code.py", "+", "four", 3),
    ]
    assert [line.text for line in lines if line.path == "new.py"] == ["\\xff\r", "\rx\x0cy"]


def test_a_diff_without_the_header_of_git_is_read_too() -> None:
    plain = b"some words\n--- a/x.py\t2020-01-01\n+++ b/x.py\t2020-01-02\n@@ -1,2 +1 @@\n one\n---- a/y.py\n"
    (first, second) = read_diff(plain + section("z.py"))
    assert (first.path, first.added, first.removed, second.path) == ("x.py", 0, 1, "z.py")
    assert first.section == plain[11:] and second.section == section("z.py")


def test_a_rename_has_both_paths() -> None:
    rename = b"diff --git a/old.py b/new.py\nsimilarity index 100%\nrename from old.py\nrename to new.py\n"
    assert [(file.old_path, file.path) for file in read_diff(rename)] == [("old.py", "new.py")]


@pytest.mark.parametrize(
    "diff",
    [
        b"",
        b"no diff at all\n",
        section("a.py", "@@ -1,9 +1,9 @@\n-old\n+new\n"),
        section("a b/c.py"),  # git's header can be read in two ways
        b"--- a/a.py\n-old\n+++ b/a.py\n",
        section("a.py", f"@@ -1,{'9' * 5000} +1 @@\n-old\n+new\n"),
        section("a.py", "@@ -1,99999999999999 +1,99999999999999 @@\n-old\n+new\n"),
        b"@@ -1 +1 @@\n-old\n+new\n",
        b"new file mode 100644\n",
        b"\\ No newline at end of file\n",
        b"GIT binary patch\n",
        b"+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n",
    ],
)
def test_what_is_no_diff_has_no_files(diff: bytes) -> None:
    assert read_diff(diff) == []
    assert not read_changed_lines(diff)


HARD = {
    "millions of lines": section("a.py", f"@@ -0,0 +1,{4 << 20} @@\n" + "+\n" * (4 << 20)),
    "lines outside of hunks": section("a.py") + b" \n" * (4 << 20),
    "empty lines": section("a.py") + b"\n" * (8 << 20),
    "hunks": section("a.py", "@@ -0,0 +1 @@\n+\n" * 500_000),
    "files": b"diff --git a/a b/a\n" * 400_000,
    "addresses": b"diff --git " + b"a://b" * 2_000 + b" " * 8_000 + b"\n",
    "files that differ": b"Binary files " + b" and x" * 200_000 + b"\n",
    "one line": b"diff --git a/" + b" b/" * 1_000_000 + b"\n",
    "spaces": b"diff --git " + b" " * 4_000_000 + b"\n",
    "quotes": b'diff --git "a/' + b'" "b/' * 500_000 + b"\n",
    "NULs": section("a.py", "@@ -1 +1 @@\n-\0\n+" + "\0" * 4_000_000 + "\n"),
    "carriage returns": b"\r" * (8 << 20),
    "deep renames": b"".join(
        f"diff --git a/{'d/' * n}a b/{'d/' * (n + 1)}a\nrename from {'d/' * n}a\nrename to {'d/' * (n + 1)}a\n".encode() for n in range(900)
    ),
    "60 MB": section("a.py", "@@ -0,0 +1,1000000 @@\n" + f"+{'x' * 59}\n" * 1_000_000),
}  # fmt: skip


@pytest.mark.parametrize("diff", HARD.values(), ids=HARD.keys())
def test_a_diff_that_is_made_to_be_hard_takes_bounded_time_and_memory(diff: bytes) -> None:
    program = (
        "import resource, sys; from agent.repo.diffs import read_changed_lines, read_diff; import unidiff.patch\n"
        "diff = sys.stdin.buffer.read()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + (700 << 20),) * 2)\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (30, 30))\n"
        "print(len(read_diff(diff)) < 10_001, len(read_changed_lines(diff) or []) < 500_001)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=diff, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"True True\n"), done.stderr[-500:]


def test_what_is_kept_of_a_diff_is_a_small_multiple_of_it() -> None:
    diff = section("a.py", f"@@ -0,0 +1,{50_000} @@\n" + "+\n" * (50_000))
    tracemalloc.start()
    try:
        assert [file.added for file in read_diff(diff)] == [50_000]
        assert tracemalloc.get_traced_memory()[1] < 8 * len(diff)
    finally:
        tracemalloc.stop()


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(st.lists(st.sampled_from([*(section("a.py") + section("x/b.py")).splitlines(keepends=True), b"\\ No newline at end of file\n", b"Binary files a and b differ\n", b"\n", b"rename from x\n"])))  # fmt: skip
def test_every_mixture_of_lines_is_read_or_left(lines: list[bytes]) -> None:
    diff = b"".join(lines)
    assert b"".join(file.section for file in read_diff(diff)) in diff
    read_changed_lines(diff)
