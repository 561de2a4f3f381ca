"""Runs side by side, on the tasks that all of them have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.bench.compare import compare
from agent.bench.directory import RunDirectory, run_identity, write_file
from agent.bench.results import TaskResult
from agent.config import Settings
from agent.errors import UsageError
from agent.model.types import Usage


def make_run(path: Path, solved: dict[str, bool], digest: str = "d") -> RunDirectory:
    directory = RunDirectory(path)
    with directory:
        directory.begin(run_identity("1", Path("t"), digest, Settings()))
        for name, verdict in solved.items():
            (path / "tasks" / name).mkdir(parents=True)
            result = TaskResult(
                instance_id=name, status="fixed", solved=verdict, exit_code=0, model="m", seconds=2.0,
                usage=Usage(prompt_tokens=10, completion_tokens=1),
            )  # fmt: skip
            write_file(path / "tasks" / name / "result.json", result.model_dump_json())
    return directory


def test_only_common_tasks_are_compared(tmp_path: Path) -> None:
    first = make_run(tmp_path / "first", {"a": True, "b": True, "c": False, "d": True})
    second = make_run(tmp_path / "second", {"a": True, "b": False, "c": False})
    comparison = compare([first, second])
    assert comparison.common == 3
    assert comparison.differing == {"b": [True, False]}
    ours, theirs = comparison.runs
    assert (ours.tasks, ours.solved, ours.common_solved, ours.usage.prompt_tokens, ours.seconds) == (4, 3, 2, 30, 6.0)
    assert (theirs.tasks, theirs.solved, theirs.common_solved) == (3, 1, 1)
    (pair,) = comparison.pairs
    assert (pair.tasks, pair.both, pair.only_first, pair.only_second) == (3, 1, 1, 0)
    as_json = json.loads(json.dumps(comparison.as_json()))
    assert as_json["kind"] == "comparison"
    assert as_json["runs"][0]["name"] == str(tmp_path / "first")
    assert as_json["pairs"][0]["p"] == 1.0


def test_each_later_run_is_compared_with_the_first(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, {"a": name != "second", "b": True}) for name in ("first", "second", "third")]
    pairs = compare(runs).pairs
    assert [(pair.only_first, pair.only_second) for pair in pairs] == [(1, 0), (0, 0)]


@pytest.mark.parametrize(("digest", "more"), [("d", ""), ("e", ": their task files differ")])
def test_runs_without_a_common_task_are_refused(tmp_path: Path, digest: str, more: str) -> None:
    first, second = make_run(tmp_path / "1", {"a": True}), make_run(tmp_path / "2", {"b": True}, digest)
    with pytest.raises(UsageError) as refused:
        compare([first, second])
    assert str(refused.value).startswith(f"the runs have no task in common{more}")
