"""Which files are tests, by their path: one rule for ranking, evidence, selection and detection."""

from __future__ import annotations

import pytest

from agent.code.paths import is_test, is_test_module


@pytest.mark.parametrize(
    "path",
    [
        "test_a.py",
        "a/b_test.go",
        "a.test.ts",
        "src/a.spec.js",
        "spec/x_spec.rb",
        "a/CalcTest.java",
        "a/CalcIT.kt",
        "CalcTests.cs",
    ],
)
def test_a_test_module_is_a_test_wherever_it_lies(path: str) -> None:
    assert is_test_module(path) and is_test(path)


@pytest.mark.parametrize(
    "path",
    [
        "tests/a.py",
        "test/a.py",
        "pkg/tests/data.json",
        "a/conftest.py",
        "spec/x.rb",
        "a/__tests__/x.js",
        "testing/a.py",
    ],
)
def test_what_lies_among_tests_is_a_test_that_no_runner_collects(path: str) -> None:
    assert is_test(path) and not is_test_module(path)


@pytest.mark.parametrize(
    "path",
    [
        "latest.py", "contest.py", "src/attest/a.py", "testament.py", "inspect/a.py", "a.tests.d/x", "testing.md",
        "numpy/testing/a.py", "openapi_spec.py", "src/Latest.java", "src/GIT.java", "src/ABTest.py", "",
    ],
)  # fmt: skip
def test_other_files_are_none(path: str) -> None:
    assert not is_test(path)
