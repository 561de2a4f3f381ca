"""What went wrong is read from the output of a run: the error of a test, the last one."""

from __future__ import annotations

import pytest

from agent.verify.reports.errors import last_error, message_in


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("    assert f() == 2\nE   assert 1 == 2\nE    +  where 1 = f()\n\na.py:3: AssertionError", "assert 1 == 2\n +  where 1 = f()"),
        ("Traceback (most recent call last):\n  x\nKeyError: 'a'\n\na.LoadError: no\n", "a.LoadError: no"),
        ("AssertionError\n", "AssertionError"),
        ("\n  expected 1, got 2\n  at x", "expected 1, got 2"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_test_says_what_its_error_is(text: str, message: str) -> None:
    assert message_in(text) == message


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ("KeyError: 1\nE   ValueError: no\n1 failed in 0.1s\n", "ValueError: no"),
        ("DeprecationWarning: old\nmake: *** [test] Error 2\n", "make: *** [test] Error 2"),
        ("AssertionError\nbash: pytest: command not found\n", "bash: pytest: command not found"),
        ("", ""),
    ],
)
def test_the_last_error_with_a_message_is_the_one_of_the_run(output: str, error: str) -> None:
    assert last_error(output) == error
