"""Counts and names of what failed are read from the runner's own output, as real runners print it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.verify.outcome import Outcome, read_outcome

TESTS = """
import unittest

class T(unittest.TestCase):
    def test_good(self):
        pass

    def test_bad(self):
        self.assertEqual(1, 2)

    def test_broken(self):
        raise KeyError("x")

    @unittest.skip("later")
    def test_skipped(self):
        pass

    def test_parts(self):
        for part in range(3):
            with self.subTest(part=part):
                self.assertNotEqual(part, 1)
"""


def run(directory: Path, *arguments: str) -> str:
    (directory / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_a_real_run_of_pytest_is_read(tmp_path: Path) -> None:
    outcome = read_outcome(run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider"))
    assert outcome.failed == 3 and outcome.tests == 5  # test_parts counts as passed beside its part
    assert sorted(outcome.failures) == [f"test_it.py::T::test_{name}" for name in ("bad", "broken", "parts")]


def test_a_real_run_of_unittest_is_read(tmp_path: Path) -> None:
    outcome = read_outcome(run(tmp_path, "unittest"))
    assert (outcome.tests, outcome.failed) == (5, 3)
    assert sorted(name.split()[0] for name in outcome.failures) == ["test_bad", "test_broken", "test_parts"]


@pytest.mark.parametrize(
    ("line", "tests", "failed"),
    [
        ("3 passed in 0.01s", 3, 0),
        ("1 failed, 2 passed in 0.12s", 3, 1),
        ("===== 1 failed, 2 passed, 1 skipped, 4 warnings in 65.33s (0:01:05) =====", 3, 1),
        ("2 passed, 1 xfailed, 1 xpassed in 1.00s", 4, 0),
        ("1 error in 0.05s", 1, 1),
        ("2 failed, 3 errors in 0.05s", 5, 5),
        ("5 deselected in 0.05s", 0, 0),
        ("1 failed, 2 passed, 3 subtests passed in 0.12s", 3, 1),
    ],
)
def test_the_last_line_of_pytest_is_read(line: str, tests: int, failed: int) -> None:
    outcome = read_outcome(f"....\n{line}\n")
    assert (outcome.tests, outcome.failed) == (tests, failed)


def test_the_last_of_several_summaries_counts() -> None:
    assert read_outcome("1 failed in 0.1s\n...\n7 passed in 0.2s\n").tests == 7


def test_names_are_given_once_and_in_order() -> None:
    output = "FAILED b.py::test_b - x\nERROR a.py::test_a\nFAILED b.py::test_b - x\n2 failed, 1 error in 0.1s\n"
    assert read_outcome(output).failures == ("b.py::test_b", "a.py::test_a")


def test_a_captured_log_line_is_no_failure() -> None:
    assert read_outcome("ERROR    root:a.py:3 message\n1 failed in 0.1s\n").failures == ()


def test_go_is_read() -> None:
    output = "--- FAIL: TestAdd (0.00s)\n    add_test.go:7: got -1\nFAIL\nFAIL\texample.com/calc\t0.002s\n"
    assert read_outcome(output) == Outcome(None, 1, ("TestAdd",))
    assert read_outcome("ok  \texample.com/calc\t0.002s\n") == Outcome()


def test_cargo_is_summed_over_its_binaries() -> None:
    output = (
        "test tests::adds ... FAILED\ntest tests::subs ... ok\n"
        "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n"
        "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n"
    )
    assert read_outcome(output) == Outcome(5, 1, ("tests::adds",))


@pytest.mark.parametrize("output", ["", "no tests ran in 0.01s", "all fine", "3 passed", "Error: boom\n"])
def test_what_tells_no_counts_has_none(output: str) -> None:
    assert read_outcome(output) == Outcome()


def test_unittest_without_failures_is_read() -> None:
    assert read_outcome("..\nRan 2 tests in 0.001s\n\nOK (skipped=1)\n") == Outcome(2, 0, ())


def test_a_line_of_numbers_is_no_trouble() -> None:
    # by powers of its length this took longer than anyone waits
    assert read_outcome("123456 " * 5_000) == Outcome()


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(
    failed=st.integers(1, 999), passed=st.integers(1, 999), other=st.sampled_from(["warnings", "skipped", "deselected"])
)
def test_any_counts_of_pytest_add_up(failed: int, passed: int, other: str) -> None:
    outcome = read_outcome(f"{failed} failed, {passed} passed, 2 {other} in 1.23s\n")
    assert (outcome.tests, outcome.failed) == (failed + passed, failed)
