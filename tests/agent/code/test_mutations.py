"""Each small change is one, parses, stays in its function, and the usual slips are among them."""

from __future__ import annotations

import ast
import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.mutations import mutations
from agent.code.regions import Region, functions

SOURCE = '''\
LIMIT = 3


class Stack:
    def first(self, größe, n=0):
        """The first."""
        total = 0
        for each in range(n, len(größe) - 1):
            if each <= LIMIT and not total:
                total += größe[each + 1]
            while total > 0:
                total -= 1
                break
        return max(total, n)


def other():
    return 1
'''


def region(source: str = SOURCE, name: str = "first") -> Region:
    return next(each for each in functions("a.py", source) if each.short_name == name)


def lines_of(text: str, source: str = SOURCE) -> list[str]:
    changed = [line for line in difflib.ndiff(source.splitlines(), text.splitlines()) if line[:2] == "+ "]
    return [line[2:].strip() for line in changed]


@pytest.mark.parametrize(
    "line",
    [
        "if each < LIMIT and not total:",
        "if each <= LIMIT or not total:",
        "if each + 1 <= LIMIT and not total:",
        "for each in range(n, len(größe)):",
        "for each in range(n, len(größe) + 1):",
        "for each in range(n, len(größe) - 0):",
        "total += größe[each - 1]",
        "total -= größe[each + 1]",
        "total = 1",
        "return min(total, n)",
        "return max(n, total)",
        "return max(total, each)",
        "while total >= 0:",
        "pass",
        "if not (each <= LIMIT and not total):",
    ],
)
def test_a_usual_slip_is_among_them(line: str) -> None:
    assert [line] in [lines_of(text) for text in mutations(SOURCE, region())]


def test_each_part_of_an_index_of_several_is_changed_alone() -> None:
    source = "def f(table, i, j):\n    return table[i, j]\n"
    found = [lines_of(text, source) for text in mutations(source, region(source, "f"))]
    assert ["return table[i - 1, j]"] in found and ["return table[i, j + 1]"] in found


@pytest.mark.parametrize(
    ("call", "dropped"), [("len(a[0])", True), ("len(a[0], a)", False), ("len(a[0], b=1)", False), ("len()", False)]
)
def test_a_call_with_one_argument_is_dropped(call: str, dropped: bool) -> None:
    source = f"def f(a):\n    return {call}\n"
    found = [lines_of(text, source) for text in mutations(source, region(source, "f"))]
    assert (["return a[0]"] in found) is dropped


def test_each_parses_and_is_in_its_function_alone() -> None:
    texts = mutations(SOURCE, region())
    assert len(texts) == len(set(texts)) > 60
    for text in texts:
        ast.parse(text)
        assert text.startswith("LIMIT = 3\n\n\nclass Stack:\n    def first(self, größe, n=")
        assert text.endswith("\n\n\ndef other():\n    return 1\n")


def test_likelier_ones_come_first_and_no_more_than_asked_for() -> None:
    texts = mutations(SOURCE, region())
    assert mutations(SOURCE, region(), 10) == texts[:10]
    order = [lines_of(text) for text in texts]
    assert order.index(["if each < LIMIT and not total:"]) < order.index(["return max(total, each)"])


def test_what_is_no_python_function_has_none() -> None:
    assert mutations("def f(:\n", Region("a.py", "f", 1, 1, "def f(:")) == []
    assert mutations(SOURCE, Region("a.py", "", 1, 3, "")) == []
    assert mutations(SOURCE, Region("a.py", "gone", 1, 3, "")) == []


@given(
    st.lists(
        st.sampled_from(["a < b", "a[b:]", "f(a, b)", "a + b - 1", "not a", "a and b", '"é" + a', "a if b else 0"]),
        max_size=4,
    )
)
def test_any_function_of_expressions_gives_only_what_parses(expressions: list[str]) -> None:
    body = "".join(f"    a = {each}\n" for each in expressions)
    source = f"def f(a, b):\n{body}    return a\n"
    for text in mutations(source, region(source, "f")):
        assert ast.parse(text) and text != source
