"""A test command's runner is recognised, and asked for a report without changing what the command means."""

from __future__ import annotations

import pytest

from agent.verify.runners import identify_runner, report_refused, request_report


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
