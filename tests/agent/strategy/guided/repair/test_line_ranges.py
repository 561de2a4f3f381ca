"""A few lines of a long function are shown and put back where they were, and nothing else is touched."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.regions import Region, functions
from agent.strategy.guided.repair.line_ranges import LineRange, choosable_lines, range_around, rewrite_range

SOURCE = '''\
import os


class Shop:
    def total(self, items, rate):
        """The sum.

        With tax.
        """
        # what is free costs nothing
        found = [item for item in items if item.price]
        if not found:
            return 0
        result = 0
        for item in found:
            if item.taxed:
                price = item.price
                price = price + rate
                result += price
            else:
                result += item.price
        for reader in self.readers:
            reader.tell(
                result,
                len(found),
            )
        if result < 0:
            raise ValueError(result)
        self.last = result
        return result


def after():
    return 1
'''
REGION = functions("shop.py", SOURCE)[0]


def line(text: str) -> int:
    return next(number for number, each in enumerate(SOURCE.split("\n"), 1) if text in each)


def lines_round(text: str) -> LineRange:
    return range_around(REGION, line(text))


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [
        ("price + rate", "result = 0", "result += item.price"),
        ("len(found),", "for item in found", ")"),
        ("found = [", "found = [", "result += item.price"),
        ("return result", "for reader in", "return result"),
        ("return 0", "found = [", "result += item.price"),
    ],
)
def test_a_range_is_whole_statements_round_a_line(at: str, first: str, last: str) -> None:
    found = lines_round(at)
    assert first in found.source.split("\n")[0], found.source
    assert last in found.source.split("\n")[-1], found.source
    assert textwrap.dedent("\n".join(SOURCE.split("\n")[found.start - 1 : found.end])) == found.source


def test_neither_head_nor_documentation_is_in_one() -> None:
    assert range_around(REGION, REGION.start).start == line("found = [")
    told = choosable_lines(REGION)
    assert next(iter(told)) == "found = [item for item in items if item.price]"
    assert told["price = price + rate"] == line("price + rate")
    assert not [each for each in told if each.startswith(("#", '"', "def"))]


def test_of_a_statement_that_is_too_long_the_head_is_taken() -> None:
    body = "".join(f"        x = {number}\n" for number in range(40))
    (region,) = functions("a.py", f"def f(a):\n    if a:\n{body}    return 1\n")
    found = range_around(region, 2)
    assert (found.start, found.source.split("\n")[0]) == (2, "if a:")
    assert 8 <= found.end - found.start <= 16
    inside = range_around(region, 20)
    assert (inside.start, inside.end) == (16, 23)


def test_other_languages_are_cut_by_lines() -> None:
    source = "function f(a) {\n" + "".join(f"  x({number});\n" for number in range(40)) + "}\n"
    (region,) = functions("a.js", source)
    assert (range_around(region, 20).start, range_around(region, 20).end) == (16, 24)
    assert (range_around(region, 1).start, range_around(region, 42).end) == (2, 42)
    assert choosable_lines(region)["x(3);"] == 5


def changed(reply: str, at: str = "price + rate") -> str | None:
    return rewrite_range(SOURCE, lines_round(at), reply)


def test_the_lines_are_put_back_where_they_were() -> None:
    right = SOURCE.replace("price + rate", "price * rate")
    new = lines_round("price + rate").source.replace("price + rate", "price * rate")
    assert changed(f"Here:\n```python\n{new}\n```\n") == right
    assert changed(f"```python\n{textwrap.indent(new, ' ' * 8)}\n```") == right
    longer = new.replace("result += price", "result += price\n        self.taxes += 1")
    assert changed(f"```\n{longer}\n```") == right.replace(
        "result += price\n", "result += price\n                self.taxes += 1\n"
    )


def test_a_line_alone_stands_for_the_one_it_is_most_like() -> None:
    assert changed("```\nprice = price * rate\n```") == SOURCE.replace("price + rate", "price * rate")
    assert changed("```\nprice = int(price)\nprice = price * rate\n```") == SOURCE.replace(
        "price = price + rate", "price = int(price)\n                price = price * rate"
    )


def test_the_whole_function_is_taken_as_that() -> None:
    whole = textwrap.dedent(REGION.source).replace("price + rate", "price * rate")
    assert changed(f"```python\n{whole}\n```") == SOURCE.replace("price + rate", "price * rate")


@pytest.mark.parametrize(("kept", "taken"), [(4, True), (3, False)])
def test_a_reply_that_keeps_too_few_of_the_lines_is_no_rewrite_of_them(kept: int, taken: bool) -> None:
    body = "".join(f"    x{number} = {number}\n" for number in range(9))
    (region,) = functions("a.py", f"def f():\n{body}    return x0\n")
    lines = range_around(region, 5)
    old = lines.source.split("\n")
    assert len(old) == 8  # of which two fifths must be left
    new = [*old[:kept], *(f"y{number} = {number}" for number in range(8 - kept))]
    source = f"def f():\n{body}    return x0\n"
    assert (rewrite_range(source, lines, "```\n" + "\n".join(new) + "\n```") is not None) is taken


@pytest.mark.parametrize(
    "reply",
    ["no code", "```\nprint(1)\n```", "```\n```", "", "```\n" + "x = 1\n" * 9 + "```", "```\nfor item in:\n```"],
)
def test_what_has_nothing_to_do_with_the_lines_is_refused(reply: str) -> None:
    assert changed(reply) is None


@given(st.integers(REGION.start, REGION.end), st.text(alphabet=st.sampled_from("ab =:()\n\t`#"), max_size=60))
def test_only_the_lines_of_the_range_change(at: int, reply: str) -> None:
    found = range_around(REGION, at)
    assert REGION.start < found.start <= found.end <= REGION.end
    after = rewrite_range(SOURCE, found, reply)
    lines = SOURCE.split("\n")
    if after is not None:
        assert after.startswith("\n".join(lines[: found.start - 1]))
        assert after.endswith("\n".join(lines[found.end :]))


def test_a_region_that_is_a_file_has_lines_too() -> None:
    region = Region("a.txt", "", 1, 3, "one line\ntwo lines\nthree lines")
    assert range_around(region, 3).source == "two lines\nthree lines"
