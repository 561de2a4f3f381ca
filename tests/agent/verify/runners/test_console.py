"""Counts and names of what failed are read from the runner's own output, as real runners print it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.code.tracebacks import locations_in
from agent.verify.console_sections import with_sections
from agent.verify.reports.console import ConsoleReport
from agent.verify.runners.registry import read_console
from agent.verify.runners.unittest import unittest_id

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
    outcome = read_console(run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider"))
    assert outcome.failed == 3 and outcome.tests == 5  # test_parts counts as passed beside its part
    assert sorted(outcome.failures) == [f"test_it.py::T::test_{name}" for name in ("bad", "broken", "parts")]


def test_a_real_run_of_unittest_is_read(tmp_path: Path) -> None:
    outcome = read_console(run(tmp_path, "unittest"))
    assert (outcome.tests, outcome.failed) == (5, 3)
    assert sorted(outcome.failures) == [f"test_it.T.test_{name}" for name in ("bad", "broken", "parts")]


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
    outcome = read_console(f"....\n{line}\n")
    assert (outcome.tests, outcome.failed) == (tests, failed)


def test_the_last_of_several_summaries_counts() -> None:
    assert read_console("1 failed in 0.1s\n...\n7 passed in 0.2s\n").tests == 7


def test_names_are_given_once_and_in_order() -> None:
    output = "FAILED b.py::test_b - x\nERROR a.py::test_a\nFAILED b.py::test_b - x\n2 failed, 1 error in 0.1s\n"
    assert read_console(output).failures == ("b.py::test_b", "a.py::test_a")


def test_a_captured_log_line_is_no_failure() -> None:
    assert read_console("ERROR    root:a.py:3 message\n1 failed in 0.1s\n").failures == ()


def test_go_is_read() -> None:
    output = "--- FAIL: TestAdd (0.00s)\n    add_test.go:7: got -1\nFAIL\nFAIL\texample.com/calc\t0.002s\n"
    outcome = read_console(output)
    assert (outcome.tests, outcome.failed, outcome.failures) == (None, 1, ("TestAdd",))
    assert read_console("ok  \texample.com/calc\t0.002s\n") == ConsoleReport()


def test_cargo_is_summed_over_its_binaries() -> None:
    output = (
        "test tests::adds ... FAILED\ntest tests::subs ... ok\n"
        "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n"
        "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n"
    )
    outcome = read_console(output)
    assert (outcome.tests, outcome.failed, outcome.failures) == (5, 1, ("tests::adds",))
    assert [case.status for case in outcome.cases] == ["failed", "passed"] and not outcome.complete


@pytest.mark.parametrize("output", ["", "no tests ran in 0.01s", "all fine", "3 passed", "Error: boom\n"])
def test_what_tells_no_counts_has_none(output: str) -> None:
    assert read_console(output) == ConsoleReport()


def test_unittest_without_failures_is_read() -> None:
    assert read_console("..\nRan 2 tests in 0.001s\n\nOK (skipped=1)\n") == ConsoleReport(2, 0, ())


def test_a_line_of_numbers_is_no_trouble() -> None:
    # by powers of its length this took longer than anyone waits
    assert read_console("123456 " * 5_000) == ConsoleReport()


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(
    failed=st.integers(1, 999), passed=st.integers(1, 999), other=st.sampled_from(["warnings", "skipped", "deselected"])
)
def test_any_counts_of_pytest_add_up(failed: int, passed: int, other: str) -> None:
    outcome = read_console(f"{failed} failed, {passed} passed, 2 {other} in 1.23s\n")
    assert (outcome.tests, outcome.failed) == (failed + passed, failed)


RECORDED = {
    "jest": (
        "  ● Calc › adds\n\n    expect(received).toBe(expected)\n\n    Expected: 5\n    Received: -1\n\n"
        "      at Object.<anonymous> (src/calc.test.js:5:18)\n\nTest Suites: 1 failed, 1 total\n"
        "Tests:       1 failed, 2 passed, 3 total\n",
        (3, 1, ["Calc › adds"], [("src/calc.test.js", 5)]),
    ),
    "vitest": (
        " FAIL  src/calc.test.ts > calc > adds\nAssertionError: expected -1 to be 5 // Object.is equality\n"
        " ❯ src/calc.test.ts:6:21\n\n Test Files  1 failed (1)\n      Tests  1 failed | 2 passed (3)\n",
        (3, 1, ["src/calc.test.ts > calc > adds"], [("src/calc.test.ts", 6)]),
    ),
    "mocha": (
        "\n  1 passing (4ms)\n  1 failing\n\n  1) Calc\n       adds:\n     AssertionError: -1 == 5\n"
        "      at Context.<anonymous> (test/calc.js:6:12)\n",
        (2, 1, ["Calc adds"], [("test/calc.js", 6)]),
    ),
    "maven": (
        "[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE!\n"
        "[ERROR] Failures: \n[ERROR]   CalcTest.adds:12 expected: <5> but was: <-1>\n"
        "[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 1\n",
        (1, 1, ["CalcTest.adds"], []),
    ),
    "gradle": (
        "CalcTest > adds() FAILED\n    org.opentest4j.AssertionFailedError: expected: <5> but was: <-1>\n"
        "        at org.example.CalcTest.adds(CalcTest.java:12)\n\n3 tests completed, 1 failed\n",
        (3, 1, ["CalcTest > adds()"], [("src/test/java/org/example/CalcTest.java", 12)]),
    ),
    "rspec": (
        "Failures:\n\n  1) Calc adds\n     Failure/Error: expect(add(2, 3)).to eq 5\n\n       expected: 5\n"
        "            got: -1\n     # ./spec/calc_spec.rb:4:in `block'\n\nFinished in 0.01 seconds\n"
        "3 examples, 1 failure\n\nFailed examples:\n\nrspec ./spec/calc_spec.rb:3 # Calc adds\n",
        (3, 1, ["Calc adds"], [("spec/calc_spec.rb", 4)]),
    ),
    "phpunit": (
        "There was 1 failure:\n\n1) CalcTest::testAdd\nFailed asserting that -1 matches expected 5.\n\n"
        "/w/repo/tests/CalcTest.php:9\n\nFAILURES!\nTests: 3, Assertions: 3, Failures: 1.\n",
        (3, 1, ["CalcTest::testAdd"], [("tests/CalcTest.php", 9)]),
    ),
    "node": (
        "✔ subs (0.5ms)\n✖ adds (1.2ms)\nℹ tests 2\nℹ pass 1\nℹ fail 1\n\n✖ failing tests:\n\n"
        "✖ adds (1.2ms)\n  AssertionError: -1 == 5\n      at TestContext.<anonymous> (/w/repo/a.test.js:4:10)\n",
        (2, 1, ["adds"], [("a.test.js", 4)]),
    ),
    "cargo": (
        "test tests::adds ... FAILED\ntest tests::subs ... ok\n\nfailures:\n\n---- tests::adds stdout ----\n"
        "thread 'tests::adds' panicked at src/lib.rs:14:9:\nassertion failed\n\n\nfailures:\n    tests::adds\n\n"
        "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        (2, 1, ["tests::adds"], [("src/lib.rs", 14)]),
    ),
}


@pytest.mark.parametrize("runner", RECORDED)
def test_the_output_of_other_runners_is_read_with_what_it_tells_of_each_failure(runner: str) -> None:
    output, (tests, failed, names, places) = RECORDED[runner]
    outcome = read_console(output)
    assert (outcome.tests, outcome.failed, list(outcome.failures)) == (tests, failed, names)
    (case,) = [case for case in with_sections(outcome.cases, output, "/w/repo") if case.failed]
    assert list(case.places) == places
    assert (
        not places
        or "5" in case.message
        or "panicked" in case.message
        or "Failure" in case.message
        or "expect" in case.message
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("test_a (pkg.test_it.T.test_a)", "pkg.test_it.T.test_a"),
        ("test_a (pkg.test_it.T)", "pkg.test_it.T.test_a"),
        ("test_a (test_it.T.test_a) (part=1)", "test_it.T.test_a"),
        ("setUpClass (test_it.T)", "test_it.T"),
        ("test_it (unittest.loader._FailedTest.test_it)", "test_it"),
        ("test_it (unittest.loader._FailedTest)", "test_it"),
        ("pkg.test_it (unittest.loader._FailedTest.pkg.test_it)", "pkg.test_it"),
    ],
)
def test_names_of_unittest_are_those_its_command_line_takes(written: str, name: str) -> None:
    assert unittest_id(written) == name


def test_a_verbose_run_of_unittest_names_every_test(tmp_path: Path) -> None:
    outcome = read_console(run(tmp_path, "unittest", "-v"))
    assert outcome.complete
    assert {case.id.rpartition(".")[2]: case.status for case in outcome.cases} == {
        "test_good": "passed", "test_bad": "failed", "test_broken": "error", "test_skipped": "skipped",
        "test_parts": "failed",
    }  # fmt: skip


@pytest.mark.parametrize("start", ["- x ", "a/", "a.b:", "FAILED a::", "ERROR: x (", "  1) x\n", "---- ", "  ● "])
def test_output_made_to_be_hard_is_read_in_bounded_time(start: str) -> None:
    hard = start * 20_000
    with_sections(read_console(hard + "\n1 failed in 0.1s\n").cases, hard, "/w/repo")
    assert locations_in(hard, "/w/repo") == () or start == "a.b:"
