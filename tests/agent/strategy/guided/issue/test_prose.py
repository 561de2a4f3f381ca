"""What an issue says beside its code: its text without that, the calls it names, what it sets off as code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.code_blocks import code_blocks
from agent.strategy.guided.issue.prose import code_spans, prose_calls, prose_of

OWN = {"add": "calc", "Box": "shapes.box"}


def calls(prose: str) -> list[str]:
    return [block.source for block in prose_calls(prose, OWN)]


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("add(2, 3) gives -1 instead of 5.", ["add(2, 3)"]),
        ("`list(add([], []))` and `add([], [])` should both be [].", ["list(add([], []))", "add([], [])"]),
        ("`Box(2).area()` is 4, Box(2).area() again", ["Box(2).area()"]),
        ("`subtract(1, 2)` gives 3, `os.system('rm')` gives 0", []),
        ("`add(x)` of an x", []),  # of which nothing tells
        ("add(1, is no call, add (1) neither", []),
        ("that of list([1])", []),
        ("my.add(3)", []),
    ],
)
def test_calls_that_can_be_run_are_found(prose: str, found: list[str]) -> None:
    assert calls(prose) == found


def test_a_call_says_what_it_needs() -> None:
    (block,) = prose_calls("`list(add(1))`", OWN)
    assert block.runs and block.unbound == {"add"}


def test_code_and_tracebacks_are_blanked_out_and_values_are_not() -> None:
    issue = 'f() is wrong:\n\n```\nf(1)\n```\n\n  File "a.py", line 3, in f\nValueError: no\n\nIt should be\n```\n[1, 2]\n```\n'
    prose = prose_of(issue, code_blocks(issue))
    assert "[1, 2]" in prose and "f() is wrong" in prose
    assert "f(1)" not in prose and "ValueError" not in prose
    assert len(prose) == len(issue)


def test_what_is_set_off_as_code_is_listed_once() -> None:
    assert code_spans("`a` and `b`, `a` again, ```c``` and `d\ne`") == ["a", "b"]


@given(st.text(alphabet="addBox(),.`[]1 \n'\"") | st.text())
def test_no_prose_breaks_it(prose: str) -> None:
    for block in prose_calls(prose, OWN):
        assert block.source in prose
