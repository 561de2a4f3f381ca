"""Outlines and maps show the most important definitions that fit into their budget, and say what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from agent.code.definitions import Definition
from agent.code.index import CodeIndex
from agent.code.overview import file_outline, outline_line, repository_map
from agent.text import estimate_tokens


@pytest.fixture
def index(shop: Any) -> CodeIndex:
    made = CodeIndex(None, shop)
    made.refresh()
    return made


def test_a_line_has_the_lines_and_is_indented_by_its_nesting() -> None:
    assert outline_line(Definition("a.py", "A.f", "method", 3, 9, 4, "def f(self)")) == "  3-9         def f(self)"
    assert outline_line(Definition("a.py", "X", "variable", 3, 3, 0, "X = 1")) == "  3         X = 1"


def test_a_short_outline_keeps_functions_and_says_how_many_are_left_out(index: CodeIndex) -> None:
    index.update({"many.py": b"".join(b"V%d = %d\n" % (n, n) for n in range(200)) + b"def last():\n    pass\n"})
    assert file_outline(index, "many.py", 10_000).count("\n") == 201
    short = file_outline(index, "many.py", 100)
    shown = sum("V" in line for line in short.splitlines())
    assert "def last()" in short and short.endswith(f"[... {200 - shown} more definitions ...]")
    assert estimate_tokens(short) <= 130
    assert file_outline(index, "none.py", 100) == "none.py: no definitions"


def test_a_map_begins_with_what_the_text_is_about(index: CodeIndex) -> None:
    assert repository_map(index, "`Basket.total` is wrong", 1_000).startswith("shop/prices.py:\n")
    without = repository_map(index, "`Basket.total` is wrong", 1_000, exclude=lambda path: path.startswith("shop/"))
    assert "shop/" not in without
    assert repository_map(CodeIndex(), "anything", 100) == "no definitions were found"
