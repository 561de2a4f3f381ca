"""The functions that a script calls are told, and nothing that only runs because modules are imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.code import coverage_script
from agent.code.coverage import files_of

CALC = """import functools


def logged(function):
    return function


@logged
def add(a, b):
    return combine(a, b)


def combine(a, b):
    return a + b


def unused():
    return combine(1, 2)


AT_IMPORT = combine(0, 0)
"""


def executed(repository: Path, script: str) -> list[list[object]]:
    """What the program that runs in the sandbox prints of a script."""
    (repository.parent / "script.py").write_text(script)
    command = [sys.executable, coverage_script.__file__, "../script.py", "ran: "]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    found: list[list[object]] = json.loads(done.stdout.rpartition("ran: ")[2])
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    place.mkdir()
    (place / "calc.py").write_text(CALC)
    return place


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("from calc import add\nprint('ran: no')\nadd(1, 2)", [8, 13]),  # with the decorator
        ("from calc import add\nadd(1, 'b')", [8, 13]),  # though it fails
        ("import calc", []),
        ("import threading, calc\nt = threading.Thread(target=calc.unused)\nt.start()\nt.join()", [13, 17]),
        ("raise SystemExit(3)", []),
        ("import calc\nprint(__name__)\nif __name__ == '__main__':\n    calc.combine(1, 2)", [13]),
    ],
)
def test_the_functions_that_a_script_calls_are_told(repository: Path, script: str, lines: list[int]) -> None:
    assert executed(repository, script) == [["calc.py", line] for line in lines]


def test_functions_elsewhere_are_left_out(repository: Path) -> None:
    (repository.parent / "other.py").write_text("def f():\n    return 1\n")
    assert (
        executed(repository, "import sys, json\nsys.path.append('..')\nimport other\nother.f()\njson.dumps([])") == []
    )


def test_the_files_with_the_most_functions_count() -> None:
    assert files_of([("a.py", 1), ("a.py", 5), ("b.py", 1)]) == {"a.py", "b.py"}
    assert len(files_of([(f"m{number}.py", 1) for number in range(100)])) == 60
