"""A region is rewritten whole, at its own indentation, and everything around it stays as it is."""

from __future__ import annotations

import argparse
import ast
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.code.regions import Region, functions, whole_file
from agent.strategy.guided.repair.rewrites import fenced, parse, rewrite

SOURCE = '''"""Doc."""

from __future__ import annotations

import os


@cache
@other(1)
def first(a):
    def inner():
        return helper(a)
    return inner()


class Box:
    size = 1

    async def open(self):
        return self.lid.lift()

    class Lid:
        def lift(self):
            return os.name


if True:
    def late():
        pass
'''


def region(source: str, name: str) -> Region:
    return next(each for each in functions("m.py", source) if each.name == name)


def reply(code: str, before: str = "Here it is:\n\n") -> str:
    return f"{before}```python\n{code}\n```\nDone."


# ---------------------------------------------------------------- finding them


def test_functions_and_methods_are_found_with_their_lines() -> None:
    found = functions("m.py", SOURCE)
    assert [(each.name, each.start, each.end) for each in found] == [
        ("first", 8, 13),
        ("Box.open", 19, 20),
        ("Box.Lid.lift", 23, 24),
        ("late", 28, 29),
    ]
    assert found[0].source.startswith("@cache\n@other(1)\ndef first(a):") and found[0].source.endswith("return inner()")
    assert (found[2].short_name, found[2].title) == ("lift", "Box.Lid.lift in m.py")


def test_what_a_function_names_is_known() -> None:
    found = {each.name: each.calls for each in functions("m.py", SOURCE)}
    assert {"helper", "inner", "a"} <= found["first"] and "lift" in found["Box.open"]


@pytest.mark.parametrize("source", ["", "x = 1\n", "def broken(:\n", "\0", "(" * 5_000, "def f():\n  x\n y\n"])
def test_what_has_no_functions_or_is_no_python_has_none(source: str) -> None:
    assert functions("m.py", source) == []


def test_source_that_warns_is_read_in_silence() -> None:
    assert parse('x = "\\d"\nassert (1, 2)\n') is not None


@pytest.mark.parametrize("odd", ["\x0c", "X = 'a\u2028b\x85c\x1dd'"])
def test_lines_are_counted_as_the_parser_counts_them(odd: str) -> None:
    source = f"{odd}\ndef f():\n    return 1\n\ndef g():\n    return 2\n"
    found = region(source, "g")
    assert (found.start, found.source) == (5, "def g():\n    return 2")
    assert rewrite(source, found, reply("def g():\n    return 3")) == source.replace("2\n", "3\n")


def test_a_whole_file_is_a_region_too() -> None:
    found = whole_file("a.js", "let a;\nlet b;\n")
    assert (found.name, found.start, found.end, found.title) == ("", 1, 2, "a.js")


# ---------------------------------------------------------------- replies


def test_the_longest_fence_of_a_reply_counts() -> None:
    assert fenced("```\na\n```\ntext\n```python\nlonger\n```") == "longer"
    assert fenced("```py\ncut off") == "cut off"
    assert fenced("no fence") == "no fence"


def test_a_function_is_replaced_and_all_else_stays() -> None:
    changed = rewrite(SOURCE, region(SOURCE, "first"), reply("def first(a):\n    return a"))
    lines = SOURCE.split("\n")
    assert changed is not None
    assert changed.split("\n") == [*lines[:7], "def first(a):", "    return a", *lines[13:]]


def test_a_method_gets_the_indentation_of_its_class() -> None:
    changed = rewrite(
        SOURCE, region(SOURCE, "Box.Lid.lift"), reply("def lift(self):\n    if self:\n\n        return 1")
    )
    assert changed is not None
    assert "        def lift(self):\n            if self:\n\n                return 1\n" in changed


def test_a_method_is_taken_out_of_its_class_in_the_reply() -> None:
    code = (
        "class Box:\n    size = 2\n\n    async def open(self):\n        return 1\n\n    def more(self):\n        pass"
    )
    changed = rewrite(SOURCE, region(SOURCE, "Box.open"), reply(code))
    assert changed == SOURCE.replace("return self.lid.lift()", "return 1")


def test_the_method_of_the_right_class_is_taken() -> None:
    source = "class A:\n    def run(self):\n        return 1\n\n\nclass B:\n    def run(self):\n        return 2\n"
    changed = rewrite(source, region(source, "B.run"), reply(source.replace("return 2", "return 3")))
    assert changed == source.replace("return 2", "return 3")


def test_the_top_level_function_is_taken_rather_than_a_method_of_its_name() -> None:
    source = "def run():\n    return 2\n"
    changed = rewrite(
        source,
        region(source, "run"),
        reply("class A:\n    def run(self):\n        return 1\n\ndef run():\n    return 3"),
    )
    assert changed == "def run():\n    return 3\n"


@pytest.mark.parametrize(
    "reply",
    [
        "from matplotlib import (\n\n{}",
        "{}\n\ndef cut(a):\n    return (a,",
        "from x import (\n{}\n\ndef whole():\n    pass\n\n\nclass Cut(",
    ],
    ids=["head", "end", "both"],
)
def test_a_function_is_taken_out_of_what_was_copied_wrongly(reply: str) -> None:
    new = "@cache\n@other(1)\ndef first(a):\n    return a"
    region = functions("a.py", SOURCE)[0]
    changed = rewrite(SOURCE, region, f"```python\n{reply.format(new)}\n```")
    assert changed == SOURCE.replace(region.source, new)


def test_new_imports_of_the_reply_go_to_the_top() -> None:
    code = "from __future__ import annotations\nfrom . import x\nimport os\nimport re\nfrom a import (\n    b,\n)\ndef late():\n    return re"
    changed = rewrite(SOURCE, region(SOURCE, "late"), reply(code))
    future = "from __future__ import annotations\n"
    assert changed == SOURCE.replace(future, f"{future}import re\n").replace("        pass\n", "        return re\n")


def test_imports_go_below_the_first_comments() -> None:
    source = "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\ndef f():\n    return 1\n"
    changed = rewrite(source, region(source, "f"), reply("import re\ndef f():\n    return re"))
    assert changed == "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\nimport re\ndef f():\n    return re\n"


def test_a_file_without_a_last_line_break_keeps_none() -> None:
    source = "def f():\n    return 1"
    assert rewrite(source, region(source, "f"), reply("def f():\n    return 2")) == "def f():\n    return 2"


def test_crlf_in_a_reply_does_not_get_into_the_file() -> None:
    source = "def f():\n    return 1\n"
    assert rewrite(source, region(source, "f"), reply("def f():\r\n    return 2\r")) == "def f():\n    return 2\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sorry.",
        reply("x = 1"),
        reply("def other():\n    pass"),
        reply("def first(:\n"),
        reply("class first:\n  x = 1"),
    ],
)
def test_a_reply_without_the_function_is_none(text: str) -> None:
    assert rewrite(SOURCE, region(SOURCE, "first"), text) is None


def test_a_whole_file_is_replaced_by_the_fence() -> None:
    source = "let a;\n"
    assert rewrite(source, whole_file("a.js", source), reply("let b;\n\nlet c;")) == "let b;\n\nlet c;\n"
    assert rewrite(source, whole_file("a.js", source), "```js\n```") is None


# ---------------------------------------------------------------- properties


def test_the_regions_of_a_real_module_are_its_functions() -> None:
    source = Path(argparse.__file__).read_text(encoding="utf-8")
    found = functions("argparse.py", source)
    assert len(found) > 100
    for each in found:
        tree = ast.parse(textwrap.dedent(each.source))
        assert len(tree.body) == 1 and getattr(tree.body[0], "name", "") == each.short_name
        assert source.split("\n")[each.start - 1 : each.end] == each.source.split("\n")


NAMES = st.lists(st.sampled_from(["f", "g", "h"]), min_size=1, max_size=3, unique=True)


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(
    names=NAMES,
    in_class=st.booleans(),
    between=st.sampled_from(["", "\n", "\n# note\n\n", "\n\x0c\n"]),
    at=st.integers(0, 2),
)
def test_only_the_lines_of_the_region_change(names: list[str], in_class: bool, between: str, at: int) -> None:
    pieces = [f"def {name}(a):\n    return {name!r}\n" for name in names]
    source = between.join(pieces)
    if in_class:
        source = "class C:\n" + "".join(
            f"    {line}\n" if line.strip() else f"{line}\n" for line in source.split("\n")[:-1]
        )
    found = functions("m.py", source)
    assert [each.short_name for each in found] == names
    chosen = found[at % len(found)]
    changed = rewrite(source, chosen, reply(f"def {chosen.short_name}(a):\n    b = a\n    return b"))
    assert changed is not None
    old, new = source.split("\n"), changed.split("\n")
    assert new[: chosen.start - 1] == old[: chosen.start - 1]
    assert new[chosen.end + 1 :] == old[chosen.end :]
    assert [line.strip() for line in new[chosen.start - 1 : chosen.end + 1]] == [
        f"def {chosen.short_name}(a):", "b = a", "return b",
    ]  # fmt: skip


@settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(
    text=st.text(max_size=60)
    | st.lists(st.sampled_from(["```python\n", "```", "def first(a):\n", "    return 1\n", "import re\n", "\0"])).map(
        "".join
    )
)
def test_any_reply_gives_python_or_nothing(text: str) -> None:
    changed = rewrite(SOURCE, region(SOURCE, "first"), text)
    assert changed is None or parse(changed) is not None


def test_prose_is_no_file() -> None:
    assert rewrite("x = 1\n", whole_file("x.js", "x = 1\n"), "Sorry, I can't do that.") is None
