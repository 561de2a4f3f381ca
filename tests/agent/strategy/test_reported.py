"""The code an issue shows is read as it stands, with what came of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.strategy.reported import Reported, Step, reported


def only(issue: str) -> Reported:
    (found,) = reported(issue)
    return found


def test_a_session_at_a_prompt_is_read_with_its_output() -> None:
    found = only("It is wrong:\n\n>>> from shop import total\n>>> total([1,\n...        2])\n4\n\nIt should be 3.")
    assert found.steps == (
        Step("from shop import total", "", output=True),
        Step("total([1,\n       2])", "4", output=True),
    )
    assert found.unbound == frozenset()


def test_a_session_of_ipython_is_read_too() -> None:
    found = only("```\nIn [1]: x = [3]\n\nIn [2]: sum(x)\nOut[2]: 4\n```")
    assert found.steps == (Step("x = [3]", "", output=True), Step("sum(x)", "4", output=True))


def test_a_traceback_in_a_session_is_what_was_raised() -> None:
    shown = '>>> total(None)\nTraceback (most recent call last):\n  File "<stdin>", line 1\nTypeError: no items\n'
    assert only(shown).steps == (Step("total(None)", shown.partition("\n")[2].strip(), output=True),)


def test_comments_behind_a_statement_are_what_is_said_of_it() -> None:
    found = only("```python\nprint(total([1]))  # 2\n# although it is one\nlast([1])\n```")
    assert [step.said for step in found.steps] == ["2\nalthough it is one", ""]
    assert not found.steps[0].output


def test_what_follows_a_blocks_code_is_its_output() -> None:
    found = only("```\nfrom shop import total\ntotal(None)\nTraceback (most recent call last):\n  boom\n```")
    assert found.steps[-1] == Step("total(None)", "Traceback (most recent call last):\n  boom", output=True)


def test_bare_lines_that_are_code_are_read() -> None:
    found = only("It breaks.\n\ndef g(a): return a\nwraps(g)(3)\n\nIt should be 3.")
    assert found.source == "def g(a): return a\nwraps(g)(3)"
    assert found.unbound == {"wraps"}


def test_a_block_that_uses_an_earlier_ones_names_has_its_statements_first() -> None:
    found = reported("```\nfrom shop import total\nx = total([1])\n```\nand then\n```\nprint(x + 1)\n```")
    assert [each.source for each in found] == [
        "from shop import total\nx = total([1])",
        "from shop import total\nx = total([1])\nprint(x + 1)",
    ]


def test_its_place_in_the_issue_is_told() -> None:
    issue = "Wrong.\n\n```python\ntotal([1])\n```\nIndeed."
    found = only(issue)
    assert issue[found.start : found.end] == "total([1])\n"


@pytest.mark.parametrize(
    "issue",
    [
        "Nothing but words.",
        "N/A",
        "x = 3",
        "```python\ndef total(items):\n    return sum(items)\n```",
        "```\n$ pip install shop\n```",
        '```\n  File "shop.py", line 3\nTypeError: no\n```',
        ">>> def (\n",
    ],
)
def test_what_does_nothing_is_no_code(issue: str) -> None:
    assert reported(issue) == []


def test_an_import_of_everything_leaves_no_name_unbound() -> None:
    assert only("```\nfrom shop import *\ntotal(items)\n```").unbound == frozenset()


@pytest.mark.parametrize(
    ("source", "expression"),
    [
        ("total([1]) ", "total([1])"),
        ("print(total([1]))", "total([1])"),
        ("print(1, 2)", ""),
        ("print(*items)", ""),
        ("x = total([1])", ""),
        ("assert total([1])", ""),
        ("'words'", ""),
    ],
)
def test_what_a_statement_evaluates(source: str, expression: str) -> None:
    assert Step(source).expression == expression


@given(st.text(alphabet=">.`~#()[]=\n\t 1ax'\"", max_size=80) | st.text())
def test_no_issue_breaks_it(issue: str) -> None:
    for found in reported(issue):
        assert 0 <= found.start < found.end <= len(issue)
        assert found.source
