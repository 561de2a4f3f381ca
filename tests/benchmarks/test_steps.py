"""The benchmark of a step's cost runs whole sessions and separates each step's shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scripted_steps import call, command
from benchmarks.steps import Run, Step, ours, report


def test_a_session_is_measured_step_by_step(tmp_path: Path) -> None:
    run, sizes = ours(12, "bubblewrap", tmp_path)
    assert run.exit_code == 0, (tmp_path / "log").read_text()
    assert len(run.steps) == 12 + 2  # the fix, and the submit that is looked at; the last reply is followed by none
    assert all(step.client > 0 and step.sandbox > 0 and step.own > 0 for step in run.steps)
    assert len(run.cpu) == len(run.steps) and all(seconds > 0 for seconds in run.cpu)
    assert run.tokens > 4_000 and run.resident_mb > 20
    assert sizes == sorted(sizes) and sizes[-1] > 10_000


def test_the_sandbox_is_no_share_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [Step(0.004, 0.001, 0.001)] * 300 + [Step(0.105, 0.1, 0.002)] * 100
    p50, p99, growth = report("it", Run(steps, [0.002] * 300 + [0.003] * 100, 1, 1.0, 1.0, 0))
    assert (round(p50, 3), round(p99, 3), round(growth, 3)) == (3.0, 5.0, 1.667)
    printed = capsys.readouterr().out
    assert "400 steps" in printed and "1.50 times" in printed


def test_a_shell_does_the_same_as_the_tools() -> None:
    names = [call(at, 8)[0] for at in range(10)]
    assert names == [*["read_file", "shell", "edit_file", "search"] * 2, "edit_file", "submit"]
    assert all(command(at, 8) for at in range(10))
