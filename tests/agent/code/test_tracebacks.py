"""Tracebacks in text, in the formats of Python, IPython and pytest, and the locations that other runners print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.code.tracebacks import (
    ErrorLine,
    TracebackFrame,
    cause_last,
    error_lines,
    frames_in,
    last_traceback,
    locations_in,
    raised_error,
    without_frames,
    without_tracebacks,
)

ROOT = "/w/repo"


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        ('  File "a/b.py", line 7, in draw', TracebackFrame("a/b.py", 7, "draw")),
        ('File "C:\\a\\b.py", line 7, in A.draw', TracebackFrame("C:\\a\\b.py", 7, "A.draw")),
        ('  | File "a b.py", line 7, in <module>', TracebackFrame("a b.py", 7, "<module>")),
        ('  File "a.py", line 3', TracebackFrame("a.py", 3, "")),  # a syntax error
        ('  File "a.py", line 3 in f', TracebackFrame("a.py", 3, "f")),  # faulthandler
        ("File ~/a.py:31, in A.setup(self, x)", TracebackFrame("~/a.py", 31, "A.setup")),
        ("~/lib/a.py in setup(self, x)", TracebackFrame("~/lib/a.py", 0, "setup")),
        ("> core/a.py:31: in setup", TracebackFrame("core/a.py", 31, "setup")),
    ],
)
def test_a_frame_is_read_in_every_format(line: str, frame: TracebackFrame) -> None:
    assert frames_in(f"It fails:\n{line}\n    code()\n") == [frame]
    assert without_frames(line).strip(" (self,x)") == ""


@pytest.mark.parametrize("text", ["a.py:3: AssertionError", 'see File "a.py", line 3', "in a.py (of it)", ""])
def test_what_only_names_a_file_is_no_frame(text: str) -> None:
    assert frames_in(text) == [] and without_frames(text) == text


@pytest.mark.parametrize("text", [">" * 100_000, "a/" * 50_000, 'File "' * 20_000, "x.y" * 30_000, "E " * 50_000])
def test_text_made_to_be_hard_is_read_within_the_time_of_a_test(text: str) -> None:
    assert frames_in(text) == [] and error_lines(text) == [] and locations_in(text, ROOT) == ()


TWO = (
    'Traceback (most recent call last):\n  File "a.py", line 9, in load\nKeyError: 1\n\n'
    "The above exception was the direct cause of the following exception:\n\n"
    'Traceback (most recent call last):\n  File "b.py", line 2, in setup\npkg.LoadError: no\n'
)


def test_of_two_tracebacks_the_last_has_the_error_and_the_first_the_cause() -> None:
    assert last_traceback(TWO).strip().splitlines() == [":", '  File "b.py", line 2, in setup', "pkg.LoadError: no"]
    assert raised_error(TWO) == "pkg.LoadError"
    assert [frame.function for frame in frames_in(cause_last(TWO))] == ["setup", "load"]
    assert cause_last("one text\n") == "one text\n" and raised_error("") == ""
    assert (
        raised_error(TWO + "\nException ignored in: <x>\nTraceback (most recent call last):\nOSError: z\n")
        == "pkg.LoadError"
    )


def test_error_lines_hold_an_error_and_its_message() -> None:
    text = "E   KeyError: 1\nan AssertionError in a line\na.b.LoadError: no\nAssertionError\nDeprecationWarning: old\nname: x\n"
    assert error_lines(text) == [
        ErrorLine("KeyError", "1"),
        ErrorLine("a.b.LoadError", "no"),
        ErrorLine("AssertionError", ""),
        ErrorLine("DeprecationWarning", "old"),
    ]


@pytest.mark.parametrize(
    ("text", "locations"),
    [
        ('  File "/w/repo/pkg/a.py", line 3, in f', [("pkg/a.py", 3)]),
        ("pkg/a.py:3: in f\n    x\npkg/b.py:9: KeyError", [("pkg/a.py", 3), ("pkg/b.py", 9)]),
        ('  File "/usr/lib/python3/x.py", line 3\n/w/other/a.py:4: E', []),
        ("../out.py:3: x\nnode_modules/a/b.js:3:1\n/w/repo/.venv/lib/c.py:9", []),
        ("see http://localhost:8080/ or 10:30:00 or a.b.c:d", []),
        ("  at org.example.Calc.add(Calc.java:7)\n  at java.util.List.of(List.java:9)", [("src/main/java/org/example/Calc.java", 7)]),
        ("a.py:1: x\n" * 3, [("a.py", 1)]),
    ],
)  # fmt: skip
def test_locations_are_those_in_the_repository(text: str, locations: list[tuple[str, int]]) -> None:
    assert list(locations_in(text, ROOT)) == locations


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
