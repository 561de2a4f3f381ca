"""The bundled example: a repository with one bug, and held-out tests that only a fix passes."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from support import git

from agent.app.example import find_example, run_held_out_tests
from agent.config import Settings
from agent.errors import SweAgentError
from agent.forge.read import read_issue
from agent.repo.host import HostRepository
from agent.task import Task


def test_an_example_that_is_missing_is_an_error() -> None:
    with pytest.raises(SweAgentError, match="the example nothing is not installed"):
        find_example("nothing")


def test_the_held_out_tests_fail_without_the_fix_and_pass_with_it(tmp_path: Path) -> None:
    example = find_example()
    example.make_repository(tmp_path / "timetable")
    repository = HostRepository.open(tmp_path / "timetable")
    assert not repository.is_dirty()
    held_out = example.held_out_tests()
    assert not set(held_out) & {Path(entry.path).name for entry in repository.entries()}
    file = tmp_path / "timetable" / "timetable" / "intervals.py"
    wrong = "merged[-1] = (merged[-1][0], end)"
    assert wrong in file.read_text()
    file.write_text(file.read_text().replace(wrong, "merged[-1] = (merged[-1][0], max(merged[-1][1], end))"))
    patch = repository.check(git(tmp_path / "timetable", "diff").encode())
    task = Task("example", tmp_path / "s", read_issue(str(example.issue)), repository, Settings(sandbox="local"))
    before, after = anyio.run(run_held_out_tests, task, patch, held_out)
    assert (before.passed, after.passed) == (False, True)
    assert before.tests == after.tests
