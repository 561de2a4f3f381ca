"""Checks are made of the code an issue shows and of the values and errors it names; their scripts hold the code to it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.code_blocks import code_blocks
from agent.strategy.guided.reproduce.checks import Check, checks_of, differences_of, scripts_of


def checks(issue: str, imports: dict[str, str] | None = None) -> list[Check]:
    return checks_of(issue, code_blocks(issue), imports or {})


def words(issue: str) -> list[str]:
    return [check.words for check in checks(issue) if "no error" not in check.words]


def runs(script: str) -> bool:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_what_is_expected_is_held_against_what_the_issue_shows() -> None:
    assert words(">>> max([1])\n1\n>>> min([1, 2])\n1\n\nOf 7 tries all are wrong. Expected 2, 3 or 4.") == [
        "max([1]) == 2",
        "max([1]) == 3",
        "max([1]) == 4",
        "min([1, 2]) == 2",
        "min([1, 2]) == 3",
        "min([1, 2]) == 4",
    ]


def test_as_many_values_as_results_are_expected_in_their_order() -> None:
    issue = ">>> x = [1, 2]\n>>> max(x)\n{}\n>>> min(x)\n3\n\nExpected 2 and 1."
    (check,) = (each for each in checks(issue.format(3)) if "==" in each.words)
    assert (check.words, check.line, check.unambiguous) == ("max(x) == 2, min(x) == 1", 2, True)
    assert runs(check.script)
    assert not runs(check.script.replace("min", "max"))
    separate = ["max(x) == 2", "max(x) == 1", "min(x) == 2", "min(x) == 1"]
    assert words(issue.format(2)) == separate  # the first is right as it is


@pytest.mark.parametrize(("first", "line"), [("x = int('a')\nValueError: no", 1), ("x = int('1')", 2)])
def test_the_line_from_which_it_holds_leaves_out_what_failed_before(first: str, line: int) -> None:
    issue = f">>> {first}\n>>> max([1])\n2\n>>> min([3])\n4\n\nExpected 1 and 3."
    (check,) = (each for each in checks(issue) if "," in each.words)
    assert (check.words, check.line) == ("max([1]) == 1, min([3]) == 3", line)


def test_the_code_of_every_block_comes_before_further_checks_of_the_first() -> None:
    first = "".join(f">>> max([{number}])\n0\n" for number in range(4))
    issue = f"```\n{first}```\n```\nmin([1])\n```\nExpected 7, 8 or 9."
    found = [check.words for check in checks(issue)]
    assert [each for each in found if "no error" in each] == found[:2]
    assert {"max([0]) == 7", "min([1]) == 7"} <= set(found)


def test_what_the_issue_leaves_no_doubt_of_is_sure() -> None:
    assert [check.unambiguous for check in checks(">>> max([1])\n1\n\nIt should be 2.")] == [True, True]
    assert [check.unambiguous for check in checks(">>> max([1])\n1\n\nIt should be 2 or 3.")] == [True, True, True]
    assert [check.unambiguous for check in checks(">>> max([1])\n1\n\nIt should raise a ValueError.")] == [False, False]


@pytest.mark.parametrize(
    "text",
    [
        "### Expected behavior\n\n1. The plot is drawn",
        "It must be oo, since version 1.12 of it",
        "It should be fixed, see #1234 and ticket 56",
        "It should work with axis=1",
        "It should be 2*Ux(U + V) - x**3",
        "Traceback (most recent call last):\n  should be line 3",
    ],
)
def test_numbers_of_something_are_no_values(text: str) -> None:
    assert words(f">>> max([0])\n0\n\n{text}") == []


def test_a_number_may_be_set_off() -> None:
    assert words(">>> max([0])\n0\n\nIt should be **5**, not 2*x") == ["max([0]) == 5"]


def test_a_block_behind_the_word_is_what_is_expected() -> None:
    assert words(">>> max([1])\n1\n\n### Expected output\n\n```\n[1, 2]\n```\n") == ["max([1]) == [1, 2]"]


def test_what_is_printed_is_compared_as_text_too() -> None:
    (check,) = (each for each in checks(">>> print(max(['1']))\n0\n\nIt should be 1.") if "==" in each.words)
    assert runs(check.script)


def test_a_statement_that_failed_does_not_stand_before_another() -> None:
    issue = ">>> int('a')\nValueError: no\n>>> int('2')\n3\n\nThe second should be 2."
    (check,) = (each for each in checks(issue) if each.words == "int('2') == 2")
    assert runs(check.script)
    assert check.line == 1


def test_what_it_shows_is_not_what_is_right() -> None:
    found = checks(">>> max([1])\n1\n\nIt should be 2 instead of 1.")
    assert [check.words for check in found if not runs(check.script)] == ["max([1]) == 2"]


def test_the_opposite_of_a_truth_value_may_be_right() -> None:
    assert words(">>> max([1]) == 1\nFalse\n") == ["(max([1]) == 1) == True"]


def test_an_error_the_issue_names_may_have_to_be_raised() -> None:
    found = words(">>> int('4', 2)\nKeyError: 4\n\nIt should raise ValueError, as int('x') does.")
    assert found == ["int('4', 2) raises ValueError"]


def test_a_comment_may_tell_the_right_value() -> None:
    assert words("```\nmax([1])  # should be 5\n```") == ["max([1]) == 5"]


def test_nothing_of_a_traceback_is_a_value() -> None:
    issue = "```\nx = int('z')\nint(x)\n```\n```\n  File \"shop.py\", line 3\nValueError: no 'z'\n```\nIt should work."
    assert words(issue) == []
    assert [check.words for check in checks(issue)] == ["`int(x)` and what comes before it: no error is raised"]


def test_code_whose_names_nothing_tells_of_is_left_out() -> None:
    issue = "```\ntotal(np.array([1]))\n```"
    assert checks(issue, {"np": "import numpy as np"}) == []
    (check,) = checks(issue, {"np": "import numpy as np", "total": "from shop import total"})
    assert check.script == "import numpy as np\nfrom shop import total\ntotal(np.array([1]))\n"


@pytest.mark.parametrize(
    ("issue", "at", "passes"),
    [
        ("```\nx = 'a'\nint(x)\n```", 0, False),
        ("```\nx = '1'\nint(x)\n```", 0, True),
        (">>> max([1])\n1\n\nIt should be 2.", 1, False),
        (">>> max([2])\n1\n\nIt should be 2.", 1, True),
        (">>> int('a')\n1\n\nIt should raise a ValueError.", 1, True),
        (">>> int('a')\n1\n\nIt should raise a MyError.", 1, False),
        (">>> int('3')\n1\n\nIt should be a ValueError.", 1, False),
        (">>> dict()[1]\n1\n\nIt should be a ValueError.", 1, False),
    ],
)
def test_a_script_passes_where_what_it_checks_is_so(issue: str, at: int, passes: bool) -> None:
    assert runs(checks(issue)[at].script) is passes


@given(st.text(alphabet=">.`#()[]=\n 1ax'\"Er", max_size=80))
def test_every_script_is_python(issue: str) -> None:
    for check in checks(issue):
        compile(check.script, "script", "exec")


def test_the_last_value_of_code_is_shown_as_a_prompt_or_a_notebook_shows_it() -> None:
    shows = "class Shown:\n    def {}(self):\n        raise ValueError(3)\n"
    for method in ("__repr__", "_repr_html_", "_repr_png_"):
        (script,) = scripts_of(code_blocks(f"```\n{shows.format(method)}\nShown()\n```"), {})
        assert not runs(script)
    assert all(map(runs, scripts_of(code_blocks("```\nmax([1])\n```\n```\nx = max([1])\n```\n```\nf(1)\n```"), {})))
    (first, _) = (each.stricter for each in checks("```\nmax([1])\n```\n```\nprint(max([1]))\n```"))
    assert first is not None and first.words.endswith("no error is raised, and none when it is shown")


def differences(issue: str) -> list[Check]:
    return differences_of(issue, code_blocks(issue), {})


def holds(check: Check) -> bool:
    """Whether it holds, to the letter and by its words."""
    return runs(check.script) and check.stricter is not None and runs(check.stricter.script)


def test_what_a_session_shows_must_not_come_of_it_any_more() -> None:
    issue = ">>> x = [2, 1]\n>>> print(x)\n[2, 1]\n>>> sorted(x)\n[1,  2]\n>>> min(3)\nTypeError: no\n\nIt is odd."
    printed, ordered = differences(issue)
    assert printed.words == "`x` does not give what the issue shows any more"
    assert not runs(printed.script)
    assert runs(printed.script.replace("x = [2, 1]", "x = [1]"))
    assert (ordered.line, ordered.script.split("\n")[1]) == (3, "print(x)")
    assert runs(ordered.script) and not holds(ordered)  # by its words
    assert differences(">>> f(1)\n2\n") == []


@pytest.mark.parametrize(
    "comment",
    ["# [1, 2]", "# result: [1, 2, 3]", "#result: [1, 2, 3] #this is odd", "# -> [1, 2, 3]", "# gives [1, 2, 3]"],
)
def test_a_comment_behind_a_statement_tells_what_comes_of_it(comment: str) -> None:
    size = comment.count(",") + 1
    (check,) = differences(f"```\nx = {list(range(size, 0, -1))}\nprint(sorted(x))\n{comment}\n```\n")
    assert not holds(check)
    assert holds(
        *differences(f"```\nx = {list(range(size, 0, -1))}\nprint(sorted(x))\n{comment.replace('2', '4')}\n```\n")
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The code returns `[1, 2]`, when it _should_ also return `3`.", True),
        ("It should give `[1, 2, 3]`. It prints `[2, 3]`", False),
        ("see `sorted`", False),
        ("see `[1, 2] and more than that`", True),
    ],
)
def test_what_stands_as_code_in_the_prose_may_be_what_comes_of_the_last_statement(text: str, told: bool) -> None:
    (check,) = differences(f"```\nx = [2, 1]\nx.sort()\nprint(x)\n```\n{text}")
    assert holds(check) is not told
    assert differences("```\nx = [2, 1]\nx.sort()\nprint(x)\n```\nand no more") == []
