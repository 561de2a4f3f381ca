"""The calls and values an issue gives are found, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.code.python_modules import definitions
from agent.strategy.guided.issue.examples import find_examples, script_for

KNOWN = {"add": "calc", "Box": "shapes.box"}


def checks(issue: str) -> list[str]:
    return [example.check for example in find_examples(issue, KNOWN)]


def test_a_doctest_and_the_right_value_in_prose() -> None:
    issue = "```python\n>>> add(2, 3)\n-1\n```\nIt should be `5`."
    assert checks(issue) == ["add(2, 3) == -1", "add(2, 3) == 5"]


def test_calls_and_numbers_in_plain_words() -> None:
    assert "add(2, 3) == 5" in checks("add(2, 3) gives -1 instead of 5.")


def test_arguments_of_a_call_are_no_results() -> None:
    assert not any(check.endswith(("== 2", "== 3", "== (2, 3)")) for check in checks("`add(2, 3)` should be `5`"))


def test_numbers_of_versions_are_no_results() -> None:
    assert checks("`add(2, 3)` fails with Python 3.7, since version 2.3; see issue 12") == []


def test_parts_of_a_longer_value_are_no_values() -> None:
    assert checks("`add([1], [2])` gives `[(540, 660)]`") == ["add([1], [2]) == [(540, 660)]"]


def test_calls_of_unknown_names_are_left_out() -> None:
    assert checks("`subtract(1, 2)` gives 3, `os.system('rm')` gives 0") == []


def test_a_comparison_is_read_as_its_call() -> None:
    assert checks("`add(2, 3) == -1`, but 5 is right")[0].startswith("add(2, 3) ==")


def test_methods_are_called_through_their_class() -> None:
    assert checks("`Box(2).area()` is `4`, not `2`")[0].startswith("Box(2).area() ==")


def test_the_script_imports_what_it_calls() -> None:
    example = find_examples("`Box(2).area()` should be `4`", KNOWN)[0]
    assert script_for(example, KNOWN) == (
        "from shapes.box import Box\n\nresult = Box(2).area()\nassert result == 4, result\n"
    )


def test_definitions_are_those_of_the_code_and_not_of_its_tests() -> None:
    sources = {
        "src/shapes/box.py": "class Box:\n    def area(self): ...\n",
        "tests/test_box.py": "def test_box(): ...\n",
        "broken.py": "def (",
    }
    assert definitions(sources) == {"Box": "shapes.box"}


@given(st.text())
def test_no_issue_breaks_it(issue: str) -> None:
    for example in find_examples(issue, KNOWN):
        assert example.distance >= 0
