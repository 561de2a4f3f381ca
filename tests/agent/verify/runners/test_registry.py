"""A test command's runner is recognised, and asked for a report without changing what the command means."""

from __future__ import annotations

import pkgutil
import re
from dataclasses import MISSING, fields
from importlib import import_module

import pytest

from agent.verify import runners
from agent.verify.runners.base import Runner
from agent.verify.runners.registry import (
    BY_OUTPUT,
    RUNNERS,
    identify_runner,
    lacks_environment,
    report_refused,
    report_requests,
)  # fmt: skip

COMMANDS = {
    "unittest": "python3 -m unittest tests/pytest", "django": "python3 manage.py test", "pytest": "pytest -q",
    "tox": "tox -q", "go": "go test ./...", "cargo": "cargo +nightly test", "vitest": "npx vitest run", "jest": "npx jest",
    "mocha": "npx mocha", "node": "node --test", "maven": "./mvnw -B test", "gradle": "./gradlew :app:test",
    "rspec": "bundle exec rspec", "phpunit": "vendor/bin/phpunit", "other": "make test",
    "script": "python3 -u tests/run.py --all",
}  # fmt: skip


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.name)
def test_the_command_of_each_runner_is_its_own(runner: Runner) -> None:
    assert identify_runner(COMMANDS[runner.name]).runner is runner


def test_every_runner_that_a_module_has_is_listed_once() -> None:
    modules = [import_module(f"{runners.__name__}.{each.name}") for each in pkgutil.iter_modules(runners.__path__)]
    found = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Runner)}
    assert sorted(runner.name for runner in RUNNERS) == sorted(found) == sorted(runner.name for runner in BY_OUTPUT)
    assert all(found[runner.name] is runner for runner in RUNNERS)


def test_a_runner_says_of_every_part_what_it_is_or_that_it_has_none() -> None:
    required = {field.name for field in fields(Runner) if field.default is field.default_factory is MISSING}
    assert required == {
        "name", "command", "shell_words", "request", "sign", "read_report", "read_console", "section", "section_end", "for_names",
        "for_files", "no_tests", "missing",
    }  # fmt: skip


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.name)
def test_the_parts_of_a_runner_fit_together(runner: Runner) -> None:
    # the number of a header's group among those of all runners says whose it is
    assert runner.section is None or re.compile(runner.section).groups == 1
    assert runner.takes_arguments or not (runner.for_names or runner.for_files)
    assert runner.read_report is None or runner.request is not None
    assert not ((runner.output_report or runner.verbose_lines) and runner.request is None)


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
    *_, asked, plain = report_requests(command, identify_runner(command), "/p")
    assert part in asked.command and asked.command.count(command.rsplit(maxsplit=1)[-1]) == 1
    assert plain.command == command


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("cd x && python3 -m pytest -q", "; cd x && python3 -m pytest -q"),
        ("make test", "-p swe_agent_pytest "),
        ("cd a && python3.12 -W error -m unittest -q b", "cd a && python3.12 -W error /p/swe_agent_unittest.py -q b"),
        ("coverage run -m unittest && coverage report", "coverage run -m unittest && coverage report"),
        ("python3 -u check.py --all", "python3 -u /p/swe_agent_script.py check.py --all"),
        ("python3 manage.py test app", "python3 /p/swe_agent_script.py manage.py test app"),
    ],
)
def test_a_python_command_is_asked_for_a_signed_report_first(command: str, part: str) -> None:
    assert part in report_requests(command, identify_runner(command), "/p")[0].command


@pytest.mark.parametrize(
    "command",
    ["go test -json ./...", "npx jest --json", "cargo test", "npx mocha", "go test | cat"],
)
def test_a_command_with_a_will_of_its_own_is_left_as_it_is(command: str) -> None:
    assert [each.command for each in report_requests(command, identify_runner(command), "/p")] == [command]


def test_a_refused_option_is_noticed() -> None:
    assert report_refused("ERROR: usage: pytest\npytest: error: unrecognized arguments: --junitxml=/p/report.xml")
    assert report_refused('Unknown option "--log-junit"') and not report_refused(
        "AssertionError: unknown user\n1 failed"
    )


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
