"""The smallest useful selection of tests runs first; a run without a test says nothing."""

from __future__ import annotations

import pytest

from agent.session.events import TestsRan
from agent.verify import selection
from agent.verify.selection import ran_nothing, selections


def test_the_failing_come_first_then_the_changed_modules_then_all() -> None:
    sources = {
        "pkg/calc.py": "", "tests/test_calc.py": "", "tests/test_other.py": "from pkg.calc import add\n",
        "tests/test_far.py": "from pkg import calculus\n",
    }  # fmt: skip
    chosen = selections("pytest -q", failing=["tests/test_x.py::t"], changed=["pkg/calc.py"], sources=sources)
    assert [(each.kind, each.command) for each in chosen] == [
        ("failing", "pytest -q tests/test_x.py::t"),
        ("changed", "pytest -q tests/test_calc.py tests/test_other.py"),
        ("all", "pytest -q"),
    ]


def test_where_nothing_can_be_added_all_is_all_there_is() -> None:
    (only,) = selections("make test", failing=["a"], changed=["a.py"], sources={"a.py": "", "test_a.py": "import a"})
    assert (only.command, only.kind) == ("make test", "all")


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ("src/calc.ts", "src/calc.test.ts"), ("lib/calc.rb", "spec/calc_spec.rb"), ("sum/calc.go", "sum/calc_test.go"),
        ("src/main/java/o/Calc.java", "src/test/java/o/CalcTest.java"), ("pkg/calc/__init__.py", "tests/test_calc.py"),
        ("tests/test_own.py", "tests/test_own.py"),
    ],
)  # fmt: skip
def test_the_tests_of_a_module_are_found_by_name(changed: str, test: str) -> None:
    assert selection.test_files_of([changed], {changed: "", test: "", "tests/test_far.py": "import far"}) == [test]


def ran(**given_fields: object) -> TestsRan:
    given = {
        "phase": "candidate",
        "command": "pytest x",
        "exit_code": 1,
        "passed": False,
        "ended": "exited",
        "seconds": 1,
        "output": "",
    }
    return TestsRan.model_validate({**given, **given_fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"exit_code": 5, "output": "no tests ran in 0.01s"},
        {"exit_code": 4, "output": "ERROR: not found: /w/repo/a.py::t"},
        {"exit_code": 0, "passed": True, "tests": 0, "output": "Ran 0 tests in 0.000s\n\nOK"},
        {"command": "python3 -m unittest a.T.gone", "tests": 1, "failures": ["gone"], "output": "ERROR: gone (unittest.loader._FailedTest.gone)\n"},
    ],
)  # fmt: skip
def test_a_run_without_a_test_says_nothing(fields: dict[str, object]) -> None:
    assert ran_nothing(ran(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"tests": 2, "failures": ["a"]},
        {"exit_code": 0, "passed": True, "tests": 3},
        {"exit_code": 0, "passed": True, "output": "all fine"},
        {"exit_code": 2, "tests": 1, "failures": ["a.py"], "output": "Interrupted: 1 error during collection"},
        {"ended": "timeout", "output": "no tests ran"},
    ],
)
def test_any_other_run_says_something(fields: dict[str, object]) -> None:
    assert not ran_nothing(ran(**fields))
