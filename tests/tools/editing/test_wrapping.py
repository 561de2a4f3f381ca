"""Fences and line numbers are recognised only where all of a text has them."""

from __future__ import annotations

import pytest

from tools.base import ToolError
from tools.editing.wrapping import fences_stay, unfenced, unnumbered, unwrapped


def test_a_fence_around_everything_is_taken_off() -> None:
    assert unfenced("```python\nx\n\ny\n```\n") == "x\n\ny\n"
    assert unfenced("```\n```") == ""


@pytest.mark.parametrize("text", ["x", "```", "```x\ny", "x\n```", "a\n```\nb\n```", "``` not a language\nx\n```"])
def test_other_texts_have_no_fence(text: str) -> None:
    assert unfenced(text) is None


@pytest.mark.parametrize(
    ("text", "plain", "first"),
    [
        ("7\tx\n8\t  y\n9\t\n", "x\n  y\n\n", 7),
        ("    99\tx\n   100\ty", "x\ny", 99),
        ("3| x\n4|", " x\n", 3),
        ("3: x\n4: y", "x\ny", 3),
    ],
)
def test_line_numbers_in_sequence_are_taken_off(text: str, plain: str, first: int) -> None:
    assert unnumbered(text) == (plain, first)


@pytest.mark.parametrize("text", ["x", "", "1\tx\ny", "1\tx\n3\ty", "1 x", "12345678\tx", "²\tx"])
def test_other_numbers_are_text(text: str) -> None:
    assert unnumbered(text) is None


def test_both_texts_are_unwrapped_together() -> None:
    assert unwrapped("```\n5\ta\n```", "```\n5\tb\n6\tc\n```") == ("a\n", "b\nc\n", 5)
    assert unwrapped("5\ta", "b") == ("a", "b", 5)
    assert unwrapped("```\na\n```", "b") == ("a\n", "b", None)
    assert unwrapped("a", "5\tb") is None


def test_a_new_text_with_some_numbers_is_refused() -> None:
    with pytest.raises(ToolError, match="line numbers"):
        unwrapped("5\ta\n6\tb", "5\ta\nx\n6\tb")


def test_fences_are_meant_in_prose() -> None:
    assert fences_stay("docs/A.MD") and not fences_stay("a.py")
