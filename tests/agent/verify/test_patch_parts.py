"""The part of a patch that changes tests, and the rest of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.verify.patch_parts import PatchParts


def part_with_tests(patch: bytes, files: list[str]) -> bytes:
    return PatchParts.of(patch, files).tests


def section(path: str, change: str = "x") -> bytes:
    return (
        f"diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1 +1 @@\n-old\n+{change}\n"
    ).encode()


# ---------------------------------------------------------------- the tests of a patch


@pytest.mark.parametrize(
    "path",
    [
        "test_a.py", "pkg/test_a.py", "a_test.go", "tests/data.json", "pkg/tests/helper.py", "test/a.c", "spec/a.rb",
        "src/__tests__/a.js", "src/a.test.ts", "src/a.spec.js",
    ],
)  # fmt: skip
def test_a_test_file_is_taken_and_the_rest_left(path: str) -> None:
    patch = section("src/a.py") + section(path) + section("README.md")
    assert part_with_tests(patch, ["src/a.py", path, "README.md"]) == section(path)


@pytest.mark.parametrize("path", ["src/a.py", "latest.py", "contest/a.py", "testing.md", "attest_a.py", "a.tests.d/x"])
def test_other_files_are_no_tests(path: str) -> None:
    assert part_with_tests(section(path) + section("test_a.py"), [path, "test_a.py"]) == section("test_a.py")


def test_a_patch_without_tests_gives_nothing() -> None:
    assert part_with_tests(section("a.py"), ["a.py"]) == b""
    assert part_with_tests(b"", []) == b""


def test_a_patch_that_is_not_what_the_names_say_gives_nothing() -> None:
    assert not PatchParts.of(section("a.py") + section("test_a.py"), ["a.py"]).is_split
    assert part_with_tests(section("a.py") + section("test_a.py"), ["a.py"]) == b""


def test_a_line_that_looks_like_a_header_is_no_section() -> None:
    patch = section("a.py", "diff --git a/test_b.py b/test_b.py") + section("test_a.py")
    assert part_with_tests(patch, ["a.py", "test_a.py"]) == section("test_a.py")


def test_bytes_are_kept_as_they_are() -> None:
    binary = b"diff --git a/test_a.py b/test_a.py\n@@ -1 +1 @@\n-\xff\r\n+\xfe\r\n"
    assert part_with_tests(section("a.py") + binary, ["a.py", "test_a.py"]) == binary


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(paths=st.lists(st.sampled_from(["a.py", "test_a.py", "tests/b.py", "c/d.go"]), unique=True))
def test_every_test_file_is_in_it_once_and_in_order(paths: list[str]) -> None:
    tests = [path for path in paths if "test" in path]
    assert part_with_tests(b"".join(map(section, paths)), paths) == b"".join(map(section, tests))
