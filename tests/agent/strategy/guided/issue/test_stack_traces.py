"""A reporter's traceback points at the repository's own functions, and what it prints is nothing that is expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.strategy.guided.issue.stack_traces import Frame, cause_last, told_frames, without_tracebacks

PATHS = ["src/plots/core/plot.py", "plots/core/scales.py", "tests/core/plot.py", "setup.py", "plots/io.py"]


@pytest.mark.parametrize(
    ("line", "frames"),
    [
        ('  File "/usr/lib/python3/dist-packages/plots/core/plot.py", line 7, in draw', [Frame(PATHS[0], "draw", 7)]),
        ('File "C:\\Python\\Lib\\site-packages\\plots\\core\\plot.py", line 7, in draw', [Frame(PATHS[0], "draw", 7)]),
        ("File ~/code/plots/plots/core/scales.py:31, in Scale.setup(self, x)", [Frame(PATHS[1], "Scale.setup", 31)]),
        ("~/miniconda/lib/plots/core/scales.py in setup(self, x)", [Frame(PATHS[1], "setup", 0)]),
        ("plots/core/scales.py:31: in setup", [Frame(PATHS[1], "setup", 31)]),
        (".../core/scales.py:31: in setup", [Frame(PATHS[1], "setup", 31)]),
        ("> core/scales.py:31: in setup", [Frame(PATHS[1], "setup", 31)]),
        ('File "scales.py", line 3, in setup', [Frame(PATHS[1], "setup", 3)]),
        ('File "plot.py", line 3, in draw', []),  # two are called so
        ('File "/home/me/setup.py", line 3, in run', []),  # the reporter's own
        ('File "/usr/lib/site-packages/numpy/core/plot.py", line 3, in run', []),
        ('File "plots/io.py", line 3, in <module>', []),
        ("see plots/io.py in the text (of it)", []),
        ("The problem is in `io.py` at line 227.", [Frame("plots/io.py", "", 227)]),
        ("https://host/me/plots/blob/main/plots/io.py#L12-L20", [Frame("plots/io.py", "", 12)]),
        ("plots/io.py:12: UserWarning", [Frame("plots/io.py", "", 12)]),
        ("see lines 12-14 of plots/io.py", [Frame("plots/io.py", "", 12)]),
        ("line 12 in io.python", []),
        ("plots/io.py: 12 of them", []),
    ],
)
def test_frames_are_found_in_the_repository(line: str, frames: list[Frame]) -> None:
    assert told_frames(f"It fails:\n{line}\n    code()\n", PATHS) == frames


def test_long_words_are_read_at_once() -> None:
    told_frames("a/" * 50_000 + " " + "x.y" * 30_000 + " " + "line 1 " * 20_000, PATHS)


def test_the_cause_of_an_error_is_where_it_came_from() -> None:
    text = (
        'Traceback (most recent call last):\n  File "plots/io.py", line 9, in load\nKeyError: 1\n\n'
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "plots/core/scales.py", line 2, in setup\nValueError: no\n'
    )
    assert [frame.function for frame in told_frames(text, PATHS)] == ["setup", "load"]
    assert cause_last("one text\n") == "one text\n"


TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 8, in f\n    return 9\nValueError: 7 is wrong'
IPYTHON = (
    "TypeError       Traceback (most recent call last)\nFile ~/a.py:8, in f()\n      7 x = [1]\n\n----> 8 return 9\n\n"
    "TypeError: 7 is wrong"
)


@pytest.mark.parametrize("told", [TRACEBACK, IPYTHON, TRACEBACK.replace("ValueError", "my.Trouble")])
def test_nothing_of_a_traceback_is_left(told: str) -> None:
    issue = f"f() gives 3.\n\n```\n{told}\n```\nIt should be 4."
    left = without_tracebacks(issue)
    assert left.split() == ["f()", "gives", "3.", "```", "```", "It", "should", "be", "4."]
    assert left.index("It should") == issue.index("It should")


def test_a_traceback_without_its_error_ends_with_the_paragraph_or_the_block() -> None:
    head = TRACEBACK.rpartition("\n")[0]
    assert without_tracebacks(f"{head}\n\nIt is 4.").split() == ["It", "is", "4."]
    assert without_tracebacks(f"{head}\n>>> f(4)").split() == [">>>", "f(4)"]
    assert without_tracebacks(head.partition("\n")[2] + "\nValueError: 7\nIt is 4.").split() == ["It", "is", "4."]


@given(st.text(alphabet=st.sampled_from('Traceback (most recent call last):\n >`~File "a.py", line 1\tE:')))
def test_everything_else_stays_in_its_place(text: str) -> None:
    left = without_tracebacks(text)
    assert len(left) == len(text)
    assert all(a in {b, " "} for a, b in zip(left, text, strict=True))
    assert told_frames(text, ["a.py"]) == told_frames(text, ["a.py"])
