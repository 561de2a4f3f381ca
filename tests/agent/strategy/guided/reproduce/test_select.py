"""A script shows the problem when it fails for the problem's sake, not for its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agent.strategy.guided.reproduce.select import shows_problem

ISSUE = "`parse('')` raises KeyError instead of giving {}"


def run(script: str) -> tuple[str, int]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("assert 1 == 2, 'wrong sum'", True),
        ("assert 1 == 1", False),
        ("{}['x']", True),
        ("int('x')", False),
        ("import no_such_module", False),
        ("no_such_name", False),
        ("def f(:", False),
        ("raise SystemExit(3)", False),
        ("try:\n    {}['x']\nexcept KeyError as e:\n    raise AssertionError('bad') from e", True),
        ("try:\n    assert False\nexcept AssertionError as e:\n    raise ValueError('other') from e", False),
        ("try:\n    {}['x']\nexcept KeyError:\n    no_such_name", False),
    ],
)
def test_a_real_script_is_judged_by_how_it_ends(script: str, shown: bool) -> None:
    assert shows_problem(*run(script), ISSUE) is shown


@pytest.mark.parametrize(
    ("output", "code", "issue", "shown"),
    [
        ("AssertionError\n", 1, "", True),
        ("AssertionError: no\n", 1, "", True),
        ("AssertionError\n", 0, "", False),
        ("json.decoder.JSONDecodeError: Expecting value\n", 1, "it gives a JSONDecodeError", True),
        ("json.decoder.JSONDecodeError: Expecting value\n", 1, "it fails", False),
        ("NameError: name 'x'\n", 1, "a NameError comes up", False),
        ("ImportError: cannot import\n", 1, "ImportError on start", False),
        ("TypeError: f() missing 1 required positional argument: 'self'\n", 1, "a TypeError", False),
        ("TypeError: f() missing 1 required positional argument: 'x'\n", 1, "a TypeError", True),
        ("Killed\n", 137, "it is Killed", False),
        ("", 1, "", False),
        ("an AssertionError inside a line\n", 1, "", False),
        ("TypeError: no such thing here\n\nTraceback\na.PlotError: no\n", 1, "a TypeError", False),
        ("TypeError: no such thing here\n\nTraceback\na.PlotError: no\n", 1, "TypeError: no such thing here.", True),
        ("KeyboardInterrupt\n", 130, "hangs until KeyboardInterrupt", True),
    ],
)
def test_the_last_error_decides(output: str, code: int, issue: str, shown: bool) -> None:
    assert shows_problem(output, code, issue) is shown
