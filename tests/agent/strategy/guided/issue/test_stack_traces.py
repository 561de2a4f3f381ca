"""A reporter's traceback points at the repository's own functions, and what it prints is nothing that is expected."""

from __future__ import annotations

import pytest

from agent.strategy.guided.issue.stack_traces import Frame, issue_frames

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
    assert issue_frames(f"It fails:\n{line}\n    code()\n", PATHS) == frames


def test_long_words_are_read_at_once() -> None:
    issue_frames("a/" * 50_000 + " " + "x.y" * 30_000 + " " + "line 1 " * 20_000, PATHS)


def test_the_cause_of_an_error_is_where_it_came_from() -> None:
    text = (
        'Traceback (most recent call last):\n  File "plots/io.py", line 9, in load\nKeyError: 1\n\n'
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "plots/core/scales.py", line 2, in setup\nValueError: no\n'
    )
    assert [frame.function for frame in issue_frames(text, PATHS)] == ["setup", "load"]
