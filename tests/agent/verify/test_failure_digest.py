"""The failures of a run in few tokens: the error, the code it names, each cause once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.session.events import TestFailure, TestsRan
from agent.text import estimate_tokens
from agent.verify.failure_digest import digest

CODE = "".join(f"line {number}\n" for number in range(1, 40))


def ran(*details: TestFailure, **given_fields: object) -> TestsRan:
    names = [failure.name for failure in details]
    given = {
        "phase": "before", "command": "pytest", "exit_code": 1, "passed": False, "ended": "exited", "seconds": 1.0,
        "output": "head\n" * 500 + "the end", "failures": names, "details": details, "tests": 9, "failed": len(names),
    }  # fmt: skip
    return TestsRan.model_validate({**given, **given_fields})


def failure(name: str, message: str = "KeyError: 'x'", place: tuple[str, int] = ("pkg/a.py", 20)) -> TestFailure:
    return TestFailure(
        name=name, message=message, text="a long traceback\n" * 50, places=[("tests/test_a.py", 5), place]
    )


def test_a_failure_is_told_by_its_error_and_the_code_it_names() -> None:
    told = digest(ran(failure("t.py::a")), 500, lambda _: CODE)
    assert told.startswith("1 of 9 tests fail\n\nFAIL t.py::a\nKeyError: 'x'\ntests/test_a.py:5\n")
    assert "     4 line 4\n>    5 line 5\n     6 line 6\n" in told and told.endswith(
        ">   20 line 20\n    21 line 21\n    22 line 22"
    )
    assert "traceback" not in told


def test_failures_of_one_cause_are_told_once() -> None:
    told = digest(
        ran(*(failure(f"t.py::a[{n}]", f"KeyError: {n}") for n in range(12)), failure("t.py::b", "TypeError: no")),
        800,
        lambda _: CODE,
    )
    assert (
        told.count("KeyError") == 1
        and "(the same in 11 more: t.py::a[1], " in told
        and "FAIL t.py::b\nTypeError: no" in told
    )


def test_what_has_no_room_is_counted() -> None:
    many = [failure(f"t.py::test_{n}", place=("pkg/a.py", n)) for n in range(1, 20)]
    told = digest(ran(*many, failed=70), 300, lambda _: CODE)
    shown = told.count("FAIL t.py")
    assert 0 < shown < 19 and f"and {70 - shown} more: t.py::test_{shown + 1}, " in told


def test_without_the_code_the_end_of_the_traceback_is_shown() -> None:
    assert digest(ran(failure("t.py::a")), 200).endswith("a long traceback")


def test_a_run_that_names_no_test_gives_its_last_lines() -> None:
    told = digest(ran(failures=[], failed=None, tests=None, exit_code=3), 60)
    assert told.startswith("no test is named as failing; the command ended with exit code 3\n[...]") and told.endswith(
        "the end"
    )


def test_a_run_that_did_not_end_tells_where_it_was() -> None:
    stopped = TestFailure(name="", message="did not end", text="", places=[("pkg/a.py", 3)])
    told = digest(ran(stopped, ended="timeout", failures=[], seconds=20.4), 200, lambda _: CODE)
    assert (
        told.startswith("the tests did not end within 20 s")
        and "it was here:\npkg/a.py:3\n" in told
        and ">    3 line 3" in told
    )
    assert digest(ran(ended="timeout", failures=[]), 200).endswith("the end")


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(
    messages=st.lists(st.text(max_size=3000), max_size=20), tokens=st.integers(100, 3000), line=st.integers(-5, 10**9)
)
def test_no_failure_breaks_the_bound(messages: list[str], tokens: int, line: int) -> None:
    details = [failure(f"t{n}", message, ("pkg/a.py", line)) for n, message in enumerate(messages)]
    assert estimate_tokens(digest(ran(*details), tokens, lambda _: CODE)) <= tokens + 60
