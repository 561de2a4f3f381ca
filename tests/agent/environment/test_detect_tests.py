"""The test command is found from the files a repository has, and from nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.environment.detect_tests import find_test_command

UNITTEST = "import unittest\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        pass\n"
PYTEST = "def test_a():\n    assert 1\n"


def command(files: Mapping[str, str]) -> str:
    return find_test_command(list(files), lambda path: files[path].encode() if path in files else None)


@pytest.mark.parametrize(
    "files",
    [
        {"test_a.py": PYTEST},
        {"pkg/a_test.py": "import pytest\n"},
        {"tests/test_a.py": "async def test_a():\n    pass\n"},
        {"tests/test_a.py": UNITTEST + "\n@pytest.mark.slow\n"},
        {"tests/test_a.py": UNITTEST, "tests/conftest.py": ""},
        {"test_a.py": UNITTEST, "pytest.ini": ""},
        {"test_a.py": UNITTEST, "pyproject.toml": "[tool.pytest.ini_options]\n"},
        {"pyproject.toml": "[tool.pytest.ini_options]\n"},
        {"test_a.py": UNITTEST, "setup.cfg": "[tool:pytest]\n"},
        {"test_a.py": UNITTEST, "tox.ini": "[pytest]\n"},
        {"a/test_a.py": UNITTEST, "b/test_b.py": UNITTEST},
    ],
)
def test_pytest_is_used_where_the_tests_or_the_configuration_want_it(files: dict[str, str]) -> None:
    assert command(files) == "python3 -m pytest -q"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"test_a.py": UNITTEST, "a.py": ""}, "python3 -m unittest"),
        ({"tests/test_a.py": UNITTEST}, "python3 -m unittest discover -s tests"),
        ({"tests/test_a.py": UNITTEST, "tests/__init__.py": ""}, "python3 -m unittest discover -s tests -t ."),
        ({"app/test_a.py": UNITTEST, "manage.py": ""}, "python3 manage.py test"),
        ({"test_a.py": UNITTEST, "pyproject.toml": "not toml ["}, "python3 -m unittest"),
    ],
)
def test_unittest_is_used_where_the_tests_need_no_more(files: dict[str, str], wanted: str) -> None:
    assert command(files) == wanted


@pytest.mark.parametrize("files", [{"test_a.py": UNITTEST}, {"tests/test_a.py": UNITTEST, "tests/__init__.py": ""}])
def test_the_unittest_command_runs_the_tests(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(command(files), shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Ran 1 test" in done.stderr


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"package.json": '{"scripts": {"test": "jest"}}'}, "npm test --silent"),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, ""),
        ({"package.json": '{"scripts": {"build": "tsc"}}'}, ""),
        ({"package.json": '{"scripts": ["test"]}'}, ""),
        ({"package.json": "[]"}, ""),
        ({"package.json": "{"}, ""),
        ({"go.mod": ""}, "go test ./..."),
        ({"Cargo.toml": ""}, "cargo test --no-fail-fast"),
        ({"package.json": '{"devDependencies": {"vitest": "3"}}'}, "npx vitest run"),
        ({"package.json": '{"devDependencies": {"mocha": "11"}, "scripts": {"build": "tsc"}}'}, "npx mocha"),
        ({"pom.xml": ""}, "mvn -B test"),
        ({"pom.xml": "", "mvnw": ""}, "./mvnw -B test"),
        ({"build.gradle.kts": "", "gradlew": ""}, "./gradlew --no-daemon test"),
        ({"settings.gradle": ""}, "gradle --no-daemon test"),
        ({"Gemfile": "", "spec/a_spec.rb": ""}, "bundle exec rspec"),
        ({"Gemfile": "", "lib/a.rb": ""}, ""),
        ({"composer.json": '{"require-dev": {"phpunit/phpunit": "^11"}}'}, "vendor/bin/phpunit"),
        ({"composer.json": "[]", "phpunit.xml.dist": ""}, "phpunit"),
        ({"noxfile.py": ""}, "nox"),
        ({"Makefile": "all:\n\ntest: all\n\t./run\n"}, "make test"),
        ({"makefile": "check:\n\t./run\n"}, "make check"),
        ({"Makefile": "all:\n"}, ""),
        ({"tox.ini": "[tox]\n"}, "tox -q"),
        ({"README.md": "test:", "testing.py": "", "latest.py": ""}, ""),
        ({}, ""),
    ],
)
def test_other_runners_are_found_by_their_files(files: dict[str, str], wanted: str) -> None:
    assert command(files) == wanted


def test_python_tests_come_before_a_makefile() -> None:
    assert command({"test_a.py": PYTEST, "Makefile": "test:\n"}) == "python3 -m pytest -q"


def test_without_npm_tests_the_next_runner_is_taken() -> None:
    assert command({"package.json": "{}", "go.mod": ""}) == "go test ./..."
