"""Counting the examples that tests hold."""

from __future__ import annotations

import pytest

from agent.verify.examples import count_examples

FILES = {
    "test_one.py": "def test_a():\n    assert f(1) == 1\n",
    "test_many.py": "def check(f):\n    assert f(1) == 1\n    assert f(2) == 2\n\n\ndef test_a():\n    check(len)\n",
    "pkg/test_unit.py": (
        "class T:\n    def test_a(self):\n        self.assertEqual(1, 1)\n        self.assertRaises(E, f)\n"
        "    def test_b(self):\n        self.assertTrue(1)\n"
    ),
    "test_bad.py": "def test_a(:\n",
    "test_loop.py": "def test_a():\n    test_a()\n    assert 1\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["test_one.py::test_a"], 1),
        (["test_many.py::test_a"], 2),
        (["test_one.py::test_a", "test_many.py::test_a"], 3),
        (["test_one.py::test_a[1]", "test_one.py::test_a[2]", "test_one.py::test_a[3]"], 3),
        (["pkg.test_unit.T.test_a"], 2),
        (["pkg/test_unit.py::T::test_b"], 1),
        (["test_bad.py::test_a"], 1),
        (["gone.test.T.x"], 1),
        (["test_loop.py::test_a"], 1),
        ([], 0),
    ],
)
def test_assertions_are_the_examples(names: list[str], count: int) -> None:
    assert count_examples(names, lambda path: FILES.get(path, "")) == count
