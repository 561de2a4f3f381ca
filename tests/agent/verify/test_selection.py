"""A command is narrowed to some tests in its runner's own words, and only where that is safe."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.session.events import TestsRan
from agent.verify import selection
from agent.verify.narrowing import for_names
from agent.verify.runners import identify_runner, report_refused, request_report
from agent.verify.selection import ran_nothing, selections

JEST = json.dumps({"scripts": {"test": "cross-env A=1 jest"}})


@pytest.mark.parametrize(
    ("command", "names", "wanted"),
    [
        ("python3 -m pytest -q", ["a.py::t[x y]"], "python3 -m pytest -q 'a.py::t[x y]'"),
        ("python3 -m pytest -q -k good tests/", ["tests/a.py::t"], "python3 -m pytest -q -k good tests/a.py::t"),
        ("cd sub && pytest -m 'a b'", ["t.py::t"], "cd sub && pytest -m 'a b' t.py::t"),
        ("python3 -m unittest", ["test_a.T.test_b"], "python3 -m unittest test_a.T.test_b"),
        ("python3 -m unittest discover -s tests", ["test_a.T.b"], "PYTHONPATH=tests:$PYTHONPATH python3 -m unittest test_a.T.b"),
        ("python3 -m unittest discover -s tests -t .", ["tests.test_a.T.b"], "python3 -m unittest tests.test_a.T.b"),
        ("python3 manage.py test", ["app.tests.T.b"], "python3 manage.py test app.tests.T.b"),
        ("go test ./...", ["example.com/c/sum.TestAdd/part"], "go test example.com/c/sum -run '^(TestAdd)$'"),
        ("go test ./...", ["TestAdd", "TestSub"], "go test ./... -run '^(TestAdd|TestSub)$'"),
        ("cargo test --quiet", ["a::b"], "cargo test --quiet -- --exact a::b"),
        ("npx jest", ["src/a.test.js::calc adds (1+1)"], r"npx jest src/a.test.js -t '(calc adds \(1\+1\))'"),
        ("bundle exec rspec", ["spec/a_spec.rb::Calc adds"], "bundle exec rspec spec/a_spec.rb -e 'Calc adds'"),
        ("mvn -B test", ["o.CalcTest#adds"], "mvn -B test '-Dtest=o.CalcTest#adds' -Dsurefire.failIfNoSpecifiedTests=false -DfailIfNoTests=false"),
        ("./gradlew --no-daemon test", ["o.CalcTest.adds"], "./gradlew --no-daemon test --tests o.CalcTest.adds"),
        ("vendor/bin/phpunit", ["App\\CalcTest::testAdd with data"], "vendor/bin/phpunit --filter '/::(testAdd)( |$)/'"),
        ("make test", ["x"], ""),
        ("tox -q", ["a.py::t"], ""),
        ("pytest -q | tee log", ["a.py::t"], ""),
        ("pytest -q || true", ["a.py::t"], ""),
        ("./gradlew check", ["o.CalcTest.adds"], ""),
        ("python3 -m unittest", ["test_a.T.b; rm -rf /"], ""),
    ],
)  # fmt: skip
def test_a_command_is_narrowed_to_names(command: str, names: list[str], wanted: str) -> None:
    assert for_names(command, identify_runner(command), names) == wanted


def test_npm_passes_arguments_to_the_runner_of_its_script() -> None:
    known = identify_runner("npm test --silent", JEST)
    assert known.runner == "jest"
    assert for_names("npm test --silent", known, ["a.test.js::x"]) == "npm test --silent -- a.test.js -t '(x)'"
    assert identify_runner("npm test", '{"scripts": {"test": "jest | tee x"}}').takes_arguments is False
    assert identify_runner("npm test", "[]").runner == identify_runner("npm test").runner == "other"


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(
    names=st.lists(
        st.text(min_size=1, max_size=20).filter(lambda n: n.strip() and "\0" not in n), min_size=1, max_size=4
    )
)
def test_any_name_is_one_word_of_the_command(names: list[str]) -> None:
    command = for_names("pytest -q", identify_runner("pytest -q"), names)
    assert shlex.split(command) == ["pytest", "-q", *names]


def test_many_failing_tests_become_their_files_and_very_many_all() -> None:
    many = [f"tests/test_{n % 3}.py::test_{n}" for n in range(200)]
    first, last = selections("pytest", failing=many)
    assert first.command == "pytest tests/test_0.py tests/test_1.py tests/test_2.py" and last.kind == "all"
    assert [each.kind for each in selections("pytest", failing=[f"t{n}.py::t" for n in range(200)])] == ["all"]


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


# ---------------------------------------------------------------- asking for a report


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("python3 -m pytest -q", "--junitxml=/p/report.xml"),
        ("make test", "--junitxml=/p/report.xml"),
        ("python3 -m unittest", "unittest -v"),
        ("cd x && go test ./...", "go test -json ./..."),
        ("npx vitest run", "--outputFile.junit=/p/report.xml"),
        ("npx jest", "--outputFile=/p/report.json"),
        ("bundle exec rspec", "--format json --out /p/report.json"),
        ("vendor/bin/phpunit", "--log-junit /p/report.xml"),
    ],
)
def test_a_runner_is_asked_for_a_report_outside_the_repository(command: str, part: str) -> None:
    asked = request_report(command, identify_runner(command), "/p")
    assert part in asked.command and asked.command.count(command.rsplit(maxsplit=1)[-1]) == 1


@pytest.mark.parametrize(
    "command",
    ["python3 -m unittest -q", "go test -json ./...", "npx jest --json", "cargo test", "npx mocha", "go test | cat"],
)
def test_a_command_with_a_will_of_its_own_is_left_as_it_is(command: str) -> None:
    assert request_report(command, identify_runner(command), "/p").command == command


def test_a_refused_option_is_noticed() -> None:
    assert report_refused("ERROR: usage: pytest\npytest: error: unrecognized arguments: --junitxml=/p/report.xml")
    assert report_refused('Unknown option "--log-junit"') and not report_refused(
        "AssertionError: unknown user\n1 failed"
    )
