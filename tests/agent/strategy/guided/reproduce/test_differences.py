"""What an issue complains of must not come of its code any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agent.strategy.guided.issue.code_blocks import reported
from agent.strategy.guided.reproduce.assertions import Check
from agent.strategy.guided.reproduce.differences import differences_of


def differences(issue: str) -> list[Check]:
    return differences_of(issue, reported(issue), {})


def runs(script: str) -> bool:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def holds(check: Check) -> bool:
    """Whether it holds, to the letter and by its words."""
    return runs(check.script) and check.otherwise is not None and runs(check.otherwise.script)


def test_what_a_session_shows_must_not_come_of_it_any_more() -> None:
    issue = ">>> x = [2, 1]\n>>> print(x)\n[2, 1]\n>>> sorted(x)\n[1,  2]\n>>> min(3)\nTypeError: no\n\nIt is odd."
    printed, ordered = differences(issue)
    assert printed.words == "`x` does not give `[2, 1]` any more"
    assert not runs(printed.script)
    assert holds(Check("", printed.script.replace("x = [2, 1]", "x = [1]"), otherwise=printed.otherwise)) is False
    assert runs(printed.script.replace("x = [2, 1]", "x = [1]"))
    assert (ordered.line, ordered.script.split("\n")[1]) == (3, "print(x)")
    assert runs(ordered.script) and not holds(ordered)  # by its words
    assert differences(">>> f(1)\n2\n") == []


@pytest.mark.parametrize(
    "comment",
    ["# [1, 2]", "# result: [1, 2]", "#result: [1, 2] #this is odd", "#=> [1, 2]", "# -> [1, 2]", "# gives [1, 2]"],
)
def test_a_comment_behind_a_statement_tells_what_comes_of_it(comment: str) -> None:
    (check,) = differences(f"```\nx = [2, 1]\nprint(sorted(x))\n{comment}\n```\n")
    assert not holds(check)
    assert holds(*differences(f"```\nx = [2, 1]\nprint(sorted(x))\n{comment.replace('2', '3')}\n```\n"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The code returns `[1, 2]`, when it _should_ also return `3`.", ["[1, 2]"]),
        ("It gives a list like `[1, 2]`.", ["[1, 2]"]),
        ("It should give `[1, 2]`. It prints `[2]`", ["[2]"]),
        ("I expected that it returns `[1, 2]`", []),
        ("see `sorted`", []),
    ],
)
def test_what_the_prose_tells_is_of_the_last_statement(text: str, found: list[str]) -> None:
    checks = differences(f"```\nx = [2, 1]\nx.sort()\nprint(x)\n```\n{text}")
    assert [check.words for check in checks] == [f"`x` does not give `{value}` any more" for value in found]
    assert [holds(check) for check in checks] == [value != "[1, 2]" for value in found]
