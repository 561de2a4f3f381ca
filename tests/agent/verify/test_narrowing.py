"""A command is narrowed to some tests in its runner's syntax, and only where that is safe."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.verify.narrowing import for_names
from agent.verify.runners import identify_runner
from agent.verify.selection import selections

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
    info = identify_runner("npm test --silent", JEST)
    assert info.runner == "jest"
    assert for_names("npm test --silent", info, ["a.test.js::x"]) == "npm test --silent -- a.test.js -t '(x)'"
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
