"""The code an issue shows is read as it stands, with what came of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.code_blocks import CodeBlock, Step, code_blocks

FENCE = "```"


def only(issue: str) -> CodeBlock:
    (found,) = code_blocks(issue)
    return found


def sources(issue: str, *own: str) -> list[str]:
    return [found.source for found in code_blocks(issue, own) if found.runs]


def test_a_session_at_a_prompt_is_read_with_its_output() -> None:
    found = only("It is wrong:\n\n>>> from shop import total\n>>> total([1,\n...        2])\n4\n\nIt should be 3.")
    assert found.steps == (Step("from shop import total"), Step("total([1,\n       2])", "4", is_output=True))
    assert found.unbound == frozenset()


@pytest.mark.parametrize(
    "session",
    [
        "In [1]: def f(x):\n   ...:     return x\n\nIn [2]: f(3)\nOut[2]: 4",
        ">>> def f(x):\n...     return x\n...\n>>>f(3)\n4",
    ],
)
def test_sessions_of_other_looks_are_read_too(session: str) -> None:
    found = only(f"```\n{session}\n```")
    assert [" ".join(step.source.split()) for step in found.steps] == ["def f(x): return x", "f(3)"]
    assert found.steps[-1] == Step("f(3)", "4", is_output=True)


def test_a_traceback_in_a_session_is_what_was_raised() -> None:
    shown = '>>> total(None)\nTraceback (most recent call last):\n  File "<stdin>", line 1\nTypeError: no items\n'
    assert only(shown).steps == (Step("total(None)", shown.partition("\n")[2].strip(), is_output=True),)
    assert only(shown).steps[0].failed


def test_comments_behind_a_statement_are_what_is_said_of_it() -> None:
    found = only("```python\nprint(total([1]))  # 2\n# although it is one\nlast([1])\n```")
    assert [step.shown for step in found.steps] == ["2\nalthough it is one", ""]
    assert not found.steps[0].is_output


def test_what_follows_a_blocks_code_is_its_output() -> None:
    found = only("```\nfrom shop import total\ntotal(None)\nTraceback (most recent call last):\n  boom\n```")
    assert found.steps[-1] == Step("total(None)", "Traceback (most recent call last):\n  boom", is_output=True)


def test_bare_lines_that_are_code_are_read() -> None:
    found = only("It breaks.\n\ndef g(a): return a\ntwice(g)(3)\n\nIt should be 3.")
    assert found.source == "def g(a): return a\ntwice(g)(3)"
    assert found.unbound == {"twice"}


def test_statements_on_one_line_are_two() -> None:
    assert only("```\nimport shop; shop.total(1)\n```").source == "import shop\nshop.total(1)"


def test_code_that_uses_earlier_codes_names_has_its_statements_first() -> None:
    issue = "\n\nthen\n\n".join(
        f"```\n{block}\n```" for block in ("class A:\n    x = 1", "a = A()", "b = A()", "f(a, b)")
    )
    assert sources(issue)[-1] == "class A:\n    x = 1\na = A()\nb = A()\nf(a, b)"


def test_what_failed_before_is_not_run_again() -> None:
    issue = "```\n>>> x = 1\n>>> boom(x)\nValueError: no\n```\nbut\n```\nf(x)\n```"
    assert sources(issue)[-1] == "x = 1\nf(x)"


def test_a_quotation_of_the_repositorys_own_code_is_not_run() -> None:
    issue = "```\ndef total(items):\n    return 1\n```\nso this is wrong\n```\ntotal([])\n```"
    assert sources(issue, "total") == ["total([])"]
    assert sources(issue) == ["def total(items):\n    return 1\ntotal([])"]


def test_its_place_in_the_issue_is_told() -> None:
    issue = "Wrong.\n\n```python\ntotal([1])\n```\nIndeed."
    found = only(issue)
    assert issue[found.start : found.end] == "total([1])\n"


@pytest.mark.parametrize(
    "issue",
    [
        "- item\n\n  ```python\n  total([1])\n  ```\n",
        "1. ```python\n   total([1])\n   ```\n",
        "~~~\ntotal([1])\n~~~",
        "```total``` is wrong\n\n```\ntotal([1])\n```",
        "````\ntotal([1])\n````",
        "not closed\n```\ntotal([1])",
    ],
)
def test_blocks_are_found_however_they_are_fenced(issue: str) -> None:
    assert sources(issue) == ["total([1])"]


@pytest.mark.parametrize(
    "issue",
    [
        "Nothing but words.",
        "N/A",
        "x = 3",
        "```python\ndef total(items):\n    return sum(items)\n```",
        "```\n$ pip install shop\n```",
        '```\n  File "shop.py", line 3\nTypeError: no\n```',
        '```json\n{"a": total}\n```',
        "```diff\n-total([1])\n```",
        ">>> def (\n",
    ],
)
def test_what_does_nothing_does_not_run(issue: str) -> None:
    assert sources(issue) == []


@pytest.mark.parametrize(
    ("code", "unbound"),
    [
        ("from shop import *\ntotal(items)", set()),
        ("f = lambda y: y + x\nprint(f(1))", {"x"}),
        ("g(x for x in y)", {"g", "y"}),
        ("for i in range(3): print(i)", set()),
        ("def f():\n    return np.pi\nf()", {"np"}),
        ("try:\n    f()\nexcept E as e:\n    print(e)", {"f", "E"}),
    ],
)
def test_the_names_it_does_not_bind(code: str, unbound: set[str]) -> None:
    assert only(f"```\n{code}\n```").unbound == unbound


@pytest.mark.parametrize(
    ("source", "expression"),
    [
        ("total([1]) ", "total([1])"),
        ("print(total([1]))", "total([1])"),
        ("print(1, 2)", "print(1, 2)"),
        ("print(*items)", "print(*items)"),
        ("x = total([1])", ""),
        ("assert total([1])", ""),
        ("'words'", ""),
        ("[1, 2]", ""),
        ("x" + ".a()" * 3000, ""),
    ],
)
def test_what_a_statement_evaluates(source: str, expression: str) -> None:
    assert Step(source).expression == expression


@given(st.text(alphabet=">.`~#()[]=\n\t 1ax'\"", max_size=80) | st.text())
def test_no_issue_breaks_it(issue: str) -> None:
    for found in code_blocks(issue):
        assert 0 <= found.start < found.end <= len(issue)
        assert found.source
