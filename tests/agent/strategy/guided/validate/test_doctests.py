"""Documented examples: found wherever they stand, run on the changed module, a doubt where they fail, never a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ScriptedModel
from working import FinishedSession, work

from agent.strategy.guided.validate.doctests import MAX_EXAMPLES, documented_examples

CALC = '''\
def add(a, b):
    """Return the sum.

    >>> add(2, 3)
    5
    >>> add(
    ...     1, 0)
    1
    """
    return a - b


"""
Further examples
    >>> add('a', 'b')
    'ab'
"""
'''
TEST = "import unittest\nfrom calc import add\n\nclass Test(unittest.TestCase):\n    def test_add(self):\n"
TEST += "        self.assertEqual(add(2, 2), 4)\n"


def reply(expression: str) -> str:
    return f"```python\ndef add(a, b):\n    return {expression}\n```"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedModel]:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    with ScriptedModel() as model:
        yield model


def guided(
    model: ScriptedModel, place: Path, answers: list[Any], calc: str = CALC, test: str = TEST
) -> FinishedSession:
    model.answers = answers
    return work(model, place, strategy="guided", files={"calc.py": calc, "test_calc.py": test})


def verdicts(worked: FinishedSession) -> list[str]:
    return [event.verdict for event in worked.of("candidate_made")]


def test_texts_are_found_in_docstrings_and_beside_them() -> None:
    assert len(documented_examples(CALC, ["add"])) == 2
    assert documented_examples(CALC, ["ad"]) == documented_examples(CALC, []) == []
    assert documented_examples("def f(:\n    '>>> f()'\n", ["f"]) == []
    assert documented_examples('"""\n  >>>f(1)\n"""', ["f"]) == []  # no doctest: a blank is missing


def test_no_more_are_looked_at_than_a_number() -> None:
    many = '"""\n' + ">>> f(1)\n1\n" * (MAX_EXAMPLES + 1) + '"""\n'
    assert documented_examples('"""\n>>> f(1)\n1\n"""\n' + many, ["f"]) == ["\n>>> f(1)\n1\n"]


def test_a_change_that_the_documentation_speaks_against_is_not_taken_at_once(
    model: ScriptedModel, tmp_path: Path
) -> None:
    worked = guided(model, tmp_path, [reply("a * b"), reply("a + b")])
    assert verdicts(worked)[:2] == ["passes, but 3 documented examples fail", "passes"]
    assert worked.result.status == "fixed" and "+    return a + b" in worked.result.patch


def test_it_is_taken_where_nothing_better_is_found(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, [reply("4 if a else b")], CALC.replace("return a - b", "return int(str(a))"))
    assert worked.result.status == "fixed" and "4 if a else b" in worked.result.patch


def test_a_change_that_drops_the_documentation_is_held_to_it(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, [reply("a * b"), reply("a + b")], CALC.partition('\n\n\n"""')[0] + "\n")
    assert verdicts(worked)[0] == "passes, but 2 documented examples fail"


def test_small_changes_are_held_to_it_too(model: ScriptedModel, tmp_path: Path) -> None:
    calc = 'def times(a, b):\n    """>>> times(2, 3)\n    6\n    """\n    return a / b\n'
    test = TEST.replace("import add", "import times").replace("add(2, 2), 4", "repr(times(2, 1)), '2'")
    worked = guided(model, tmp_path, ["I can't say."], calc, test)
    assert "passes, but a documented example fails" in verdicts(worked)  # a // b
    assert worked.result.status == "fixed" and "+    return a * b" in worked.result.patch


def test_a_small_change_whose_documented_example_is_the_tests_own_is_not_proven(
    model: ScriptedModel, tmp_path: Path
) -> None:
    calc = 'def times(a, b):\n    """>>> times(2, 3)\n    6\n    """\n    return a / b\n'
    test = TEST.replace("import add", "import times").replace("add(2, 2), 4", "times(2, 3), 6")
    worked = guided(model, tmp_path, ["I can't say."], calc, test)
    assert worked.result.status == "unverified" and worked.result.verification is not None
    assert "one example speaks for it" in worked.result.verification.reason


def test_examples_that_cannot_be_run_say_nothing(model: ScriptedModel, tmp_path: Path) -> None:
    calc = "import os, sys\nif os.path.basename(sys.argv[0]) == 'doctest_script.py':\n    sys.exit(3)\n\n" + CALC
    worked = guided(model, tmp_path, [reply("a * b")], calc)
    assert verdicts(worked)[0] == "passes"
