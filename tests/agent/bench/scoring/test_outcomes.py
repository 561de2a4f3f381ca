"""What each test came to, and the verdict."""

from __future__ import annotations

import pytest

from agent.bench.scoring.outcomes import judge, read_tests

PYTEST = """\
============ test session starts ============
PASSED tests/a.py::test_that_only_prints_this
=========================== short test summary info ============================
PASSED tests/a.py::test_liar
================================== PASSES ======================================
=========================== short test summary info ============================
PASSED tests/a.py::test_one
PASSED tests/a.py::test_param[a b]
PASSED tests/a.py::test_param[a c]
PASSED tests/a.py::test_torn
XFAIL tests/a.py::test_known - reason
SKIPPED [1] tests/a.py:12: not here
ERROR tests/a.py::test_torn - OSError: teardown
FAILED tests/a.py::test_bad[x - y] - AssertionError: a - b
FAILED tests/a.py::test_mixed[p q] - assert 0
PASSED tests/a.py::test_mixed[p r]
============ 2 failed, 5 passed in 0.1s ============
"""

UNITTEST = """\
test_a (m.T.test_a) ... ok
test_b (m.T) ... FAIL
test_c (m.T.test_c)
What it is about. ... ok
test_d (m.T.test_d) ... skipped 'no'
test_e (m.T.test_e) ... expected failure
"""


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("tests/a.py::test_one", True),
        ("tests/a.py::test_param[a b]", True),
        ("tests/a.py::test_param[a", True),  # cut at the blank, as task sets have it
        ("tests/a.py::test_known", True),
        ("tests/a.py::test_torn", False),
        ("tests/a.py::test_bad[x", False),
        ("tests/a.py::test_mixed[p r]", True),
        ("tests/a.py::test_mixed[p", False),  # stands for two, of which one fails
        ("tests/a.py::test_liar", None),
        ("tests/a.py::test_that_only_prints_this", None),
    ],
)
def test_pytest(name: str, passed: bool | None) -> None:
    assert read_tests(PYTEST).get(name) is passed


def test_unittest_by_its_old_and_new_names() -> None:
    assert read_tests(UNITTEST) == {
        "test_a (m.T.test_a)": True, "test_a (m.T)": True, "test_b (m.T)": False,
        "test_c (m.T.test_c)": True, "test_c (m.T)": True, "test_e (m.T.test_e)": True, "test_e (m.T)": True,
    }  # fmt: skip


def test_no_results_are_no_success() -> None:
    tests = read_tests("Segmentation fault")
    assert tests == {}
    assert judge(tests, ["a"], ["b"]).still_failing == ("a",)
    assert judge(tests, ["a"], ["b"]).broken == ("b",)


def test_the_verdict() -> None:
    assert judge({"a": True, "b": True, "c": False}, ["a"], ["b"]).solved
    assert not judge({"a": False, "b": True}, ["a"], ["b"]).solved
    assert not judge({"a": True, "b": False}, ["a"], ["b"]).solved
