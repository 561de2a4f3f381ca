"""Of candidates that pass, what most agree on is taken, then the smallest change."""

from __future__ import annotations

from agent.strategy.guided.validate.choose import Candidate, changed_lines, choose, meaning

BEFORE = {"a.py": "def f(a):\n    b = a\n    return b - 1\n", "b.js": "let x = 1;\n"}


def candidate(number: int, text: str, path: str = "a.py") -> Candidate:
    return Candidate(number, "f", {path: text})


SMALL = candidate(1, "def f(a):\n    b = a\n    return b + 1\n")
LARGE = candidate(2, "def f(a):\n    return 1 + a\n")
LARGE_AGAIN = candidate(3, 'def f(a):\n    """Adds one."""\n\n    return 1 + a  # so\n')


def test_changed_lines_are_those_taken_away_or_put_in() -> None:
    assert changed_lines(SMALL, BEFORE) == 1
    assert changed_lines(LARGE, BEFORE) == 2
    assert changed_lines(candidate(4, "one\ntwo\n", "new.py"), BEFORE) == 2
    assert changed_lines(candidate(5, BEFORE["a.py"]), BEFORE) == 0


def test_comments_blanks_and_documentation_mean_nothing() -> None:
    assert meaning(LARGE) == meaning(LARGE_AGAIN) != meaning(SMALL)


def test_other_languages_are_compared_without_blanks() -> None:
    spread = candidate(1, "let  x = 1;\n\n", "b.js")
    assert meaning(spread) == meaning(candidate(2, "let x = 1;\n", "b.js"))
    assert meaning(spread) != meaning(candidate(2, "let x = 2;\n", "b.js"))


def test_text_that_is_no_python_can_be_compared() -> None:
    assert meaning(candidate(1, "def f(:\n")) == meaning(candidate(2, "def f(:\n\n"))


def test_the_majority_is_taken() -> None:
    assert choose([SMALL, LARGE, LARGE_AGAIN], BEFORE) is LARGE


def test_the_smallest_is_taken_where_each_stands_alone_and_the_first_of_equals() -> None:
    assert choose([LARGE, SMALL], BEFORE) is SMALL
    same = candidate(9, SMALL.files["a.py"])
    assert choose([same, SMALL], BEFORE) is SMALL
