"""The test command and the setup are found from the files a repository has, and from nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.environment.detect_setup import PREPARE_PYTHON, find_setup_command
from agent.environment.detect_tests import find_test_command, lacks_environment

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


@pytest.mark.parametrize(
    ("files", "test", "part"),
    [
        (["setup.py"], "python3 -m pytest -q", "-m venv"),
        ([], "pytest tests", "-m venv"),
        (["package.json"], "npm test --silent", "npm ci"),
        (["go.mod"], "go test ./...", "go mod download"),
        (["Cargo.toml"], "cargo test --quiet", "cargo fetch"),
        (["pom.xml"], "./mvnw -B test", "mvnw"),
        (["Gemfile"], "bundle exec rspec", "bundle install"),
        (["composer.json"], "vendor/bin/phpunit", "composer install"),
        (["tox.ini"], "tox -q", "tox"),
        (["noxfile.py"], "nox", "--install-only"),
    ],
)
def test_the_setup_fits_the_test_command(files: list[str], test: str, part: str) -> None:
    assert part in find_setup_command(files, test)


@pytest.mark.parametrize(("files", "test"), [([], "make test"), ([], "go test ./..."), (["go.mod"], "make test")])
def test_where_nothing_is_known_nothing_is_set_up(files: list[str], test: str) -> None:
    assert find_setup_command(files, test) == ""


def test_the_python_setup_is_a_script_that_bash_reads() -> None:
    subprocess.run(["bash", "-n"], input=PREPARE_PYTHON, text=True, check=True)


@pytest.mark.parametrize(
    "output",
    [
        "/usr/bin/python3: No module named pytest",
        "E   ModuleNotFoundError: No module named 'requests'",
        "ImportError while loading conftest '/r/conftest.py'.",
        "ImportError while importing test module '/r/test_a.py'.",
        "sh: 1: jest: not found",
        "bash: line 1: cargo: command not found",
        "Error: Cannot find module 'express'",
        "error: failed to download `serde v1.0`",
        "importlib.metadata.PackageNotFoundError: No package metadata was found for x",
        "pytest: error: unrecognized arguments: --cov=x",
        "E       fixture 'mocker' not found",
        "[ERROR] Could not resolve dependencies for project a:b:jar:1",
    ],
)
def test_a_run_that_lacks_something_is_told_from_one_that_fails(output: str) -> None:
    assert lacks_environment(f"...\n{output}\n", 1)


def test_a_failing_test_lacks_nothing() -> None:
    assert not lacks_environment("E  AssertionError: assert 1 == 2\n1 failed in 0.1s\n", 1)
    assert lacks_environment("", 127)


def test_the_python_setup_finds_what_tests_need_in_every_place_it_is_written(tmp_path: Path) -> None:
    repo, home = tmp_path / "repo", tmp_path / "home"
    (repo / "requirements").mkdir(parents=True)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    home.mkdir()
    files = {
        "pyproject.toml": (
            '[build-system]\nrequires = ["setuptools-scm"]\n[project]\nname = "x"\n'
            '[project.optional-dependencies]\ntest = ["a"]\ndocs = ["b"]\n'
            '[dependency-groups]\ndev = ["in-dev", {include-group = "typing"}]\ntyping = ["in-typing"]\ndocs = ["c"]\n'
        ),
        "setup.cfg": "[options.extras_require]\ntesting =\n    d\n",
        "CHANGELOG.md": "# 4.5.6 (unreleased)\n# 4.5.5\n",
        "requirements/test.txt": "e\n",
    }
    for name, text in files.items():
        (repo / name).write_text(text)
    log = tmp_path / "log"
    python = tmp_path / "venv" / "bin" / "python"
    # a stand-in for the environment's Python: it writes down what pip is asked for, and runs the rest for real
    python.write_text(
        f'#!/bin/bash\nif [ "$1 $2" = "-m pip" ]; then shift 2; echo "$SETUPTOOLS_SCM_PRETEND_VERSION: $*" >>{log}\n'
        f'for last; do :; done; [ -f "$last" ] && cat "$last" >>{log}; exit 0; fi\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    subprocess.run(
        ["bash", "-c", PREPARE_PYTHON], cwd=repo, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, check=True
    )
    said = log.read_text()
    assert "4.5.6: install -q -e .[test,testing]" in said
    assert "install -q -r requirements/test.txt\ne\n" in said
    assert said.endswith("in-dev\nin-typing\n")
