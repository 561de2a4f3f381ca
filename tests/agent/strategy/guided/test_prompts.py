"""Of a long file the region is shown with what it needs; of a long output the end."""

from __future__ import annotations

from agent.code.regions import functions
from agent.strategy.guided.prompts import excerpt, tail

SOURCE = '''"""A shop."""
import os
from shop.prices import (
    net,
    gross,
)

RATE = 0.19
rate = 3


class Shop(Base):
    """Sells."""

    def total(self):
        return net(1)
'''


def test_a_method_is_shown_below_its_class_and_with_the_files_imports_and_constants() -> None:
    head, shown = excerpt(SOURCE, functions("shop.py", SOURCE)[0], 1_000)
    assert head.split("\n") == ["import os", "from shop.prices import (", "    net,", "    gross,", ")", "RATE = 0.19"]
    assert shown == "class Shop(Base):\n    def total(self):\n        return net(1)"


def test_the_head_gives_way_to_the_region() -> None:
    head, shown = excerpt(SOURCE, functions("shop.py", SOURCE)[0], 20)
    assert "def total" in shown and "net," not in head


def test_the_end_of_an_output_is_kept() -> None:
    output = "\n".join(f"line {number}" for number in range(100))
    assert tail(output, 20).startswith("[...]\n") and tail(output, 20).endswith("line 99")
    assert tail("one\ntwo\n", 20) == "one\ntwo"
