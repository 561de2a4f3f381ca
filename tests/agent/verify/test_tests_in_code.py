"""A change that touches a test which stands in a file of the code."""

from __future__ import annotations

import difflib

import pytest

from agent.verify.tests_in_code import files_with_changed_tests

SOURCE = '''"""The module.

>>> 1 + 1
2
"""
import unittest


def add(a, b):
    """Return the sum.

    >>> add(1, 2)
    3
    """
    return a - b


class Checks(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_other(self):
        pass
'''
UNITTEST = ["checks.Checks.test_add", "checks.Checks.test_other"]
PYTEST = ["checks.py::Checks::test_add"]
DOCTEST = ["checks.py::checks.add", "checks.py::checks"]
FIX = ("return a - b", "return a + b")


def touched(tests: list[str], *changes: tuple[str, str], path: str = "checks.py") -> bool:
    after = SOURCE
    for old, new in changes:
        assert old in after
        after = after.replace(old, new)
    lines = [text.splitlines(keepends=True) for text in (SOURCE, after)]
    body = "".join(difflib.unified_diff(*lines, f"a/{path}", f"b/{path}"))
    patch = f"diff --git a/{path} b/{path}\n{body}".encode()
    return files_with_changed_tests(patch, tests, lambda name: SOURCE) == frozenset({path})


@pytest.mark.parametrize("tests", [UNITTEST, PYTEST, DOCTEST])
def test_a_change_of_the_code_beside_the_tests_touches_none(tests: list[str]) -> None:
    assert not touched(tests, FIX)
    assert not touched(tests, ("    return a - b\n", "    c = a + b\n    return c\n"))
    assert not touched(tests, ("import unittest\n", "import os\nimport unittest\n"))


@pytest.mark.parametrize(
    ("tests", "change"),
    [
        (UNITTEST, ("self.assertEqual(add(2, 3), 5)", "pass")),
        (PYTEST, ("add(2, 3), 5", "5, 5")),
        (PYTEST, ("    def test_add", "    @unittest.skip('x')\n    def test_add")),
        (PYTEST, ("        self.assertEqual(add", "        return\n        self.assertEqual(add")),
        (UNITTEST, ("    def test_other", "    def test_add(self):\n        pass\n\n    def test_other")),
        (UNITTEST, ("        pass\n", "        pass\n\n\nChecks.test_add = lambda self: None\n")),
        (DOCTEST, (">>> add(1, 2)\n    3", ">>> add(1, 2)\n    -1")),
        (DOCTEST, (">>> 1 + 1\n2\n", "")),
    ],
)
def test_a_change_of_a_test_is_seen_whatever_it_does_beside(tests: list[str], change: tuple[str, str]) -> None:
    assert touched(tests, change) and touched(tests, change, FIX)


def test_a_file_of_tests_is_none_of_the_code() -> None:
    assert not touched(["test_a.T.test_add"], ("add(2, 3), 5", "5, 5"), path="test_a.py")
