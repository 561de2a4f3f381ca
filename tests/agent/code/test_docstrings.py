"""Long docstrings are shown by their beginning, and what a rewrite leaves out of them is put back."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.docstrings import LONG, restored, shortened

TEXT = "Split it.\n\n" + "\n".join(f"    line {number}" for number in range(LONG))


def function(docstring: str = "", body: str = "return 1", indent: str = "    ") -> str:
    lines = ["@cache", "def f(a):", *([f'{indent}"""{docstring}"""'] if docstring else []), f"{indent}{body}"]
    return "\n".join(lines)


def documentation(source: str) -> str | None:
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    return ast.get_docstring(node, clean=False)


def test_of_a_long_docstring_the_first_paragraph_stays() -> None:
    assert shortened(function(TEXT)) == function("Split it.")


def test_a_first_paragraph_is_cut_where_it_is_long() -> None:
    text = "\n".join(f"    line {number}" for number in range(LONG))
    assert shortened(function(text)).count("line") == 4


def test_a_method_stays_at_its_indentation() -> None:
    method = "\n".join(f"    {line}" if line else "" for line in function(TEXT).split("\n"))
    assert shortened(method) == "\n".join(f"    {line}" for line in function("Split it.").split("\n"))


@pytest.mark.parametrize("source", [function("Split it."), function(), "def f(): ...", "x = 1", "def f(:", ""])
def test_nothing_else_is_shortened(source: str) -> None:
    assert shortened(source) == source


@pytest.mark.parametrize("first", ["", "Split it.", "Split it.\n\n    line 0\n    line 1"])
def test_a_docstring_that_was_left_out_is_put_back(first: str) -> None:
    assert restored(function(first, "return 2"), function(TEXT)) == function(TEXT, "return 2")


def test_it_is_put_back_at_the_indentation_of_the_new_body() -> None:
    new = restored(function("", "return 2", indent="  "), function(TEXT))
    assert new.split("\n")[2] == '  """Split it.'
    assert (documentation(new) or "").split() == TEXT.split()


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (function("Another.", "return 2"), function(TEXT)),
        (function("", "return 2"), function()),
        (function("Short.", "return 2"), function("Short.")),
        ("def f(a): return 2", function(TEXT)),
        ("def f(:", function(TEXT)),
    ],
)
def test_what_was_rewritten_stays(new: str, old: str) -> None:
    assert restored(new, old) == new


@given(st.text(alphabet="ab\\'\"\n {}", max_size=60))
def test_any_docstring_comes_back(text: str) -> None:
    written = text + "\n" * LONG + "end"
    literal = repr(written)
    old = f"def f(a):\n    {literal}\n    return 1"
    long = f"def f(a):\n    {literal[0] * 3}{literal[1:-1]}" + "\\\n" * LONG + f"{literal[0] * 3}\n    return 1"
    for source in (old, long):
        again = restored(shortened(source).replace("return 1", "return 2"), source)
        assert documentation(again) == documentation(source)
