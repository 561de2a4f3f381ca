"""The workers of a run: every task once, results kept as they come, the rest given up when the server is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from agent.bench.datasets.tasks import BenchTask
from agent.bench.directory import RunDirectory, run_identity
from agent.bench.events import BenchEvent, TaskBegan, TaskFinished, TaskPrevented
from agent.bench.executors.base import Job
from agent.bench.results import TaskFailure, TaskResult
from agent.bench.run import RunPlan, RunProgress, run_tasks
from agent.config import Settings
from agent.errors import JournalWriteFailed


class ScriptedExecutor:
    """Answers each task by its id; notes which were run."""

    def __init__(self, answer: Callable[[str], TaskResult | TaskFailure]) -> None:
        self.answer = answer
        self.run_ids: list[str] = []

    async def run(self, job: Job) -> TaskResult | TaskFailure:
        self.run_ids.append(job.task.id)
        await anyio.lowlevel.checkpoint()
        return self.answer(job.task.id)


def result(name: str) -> TaskResult:
    return TaskResult(instance_id=name, status="fixed", solved=True, exit_code=0)


def failure(name: str, exit_code: int) -> TaskFailure:
    return TaskFailure(instance_id=name, reason="prevented", exit_code=exit_code)


def run(
    tmp_path: Path, names: list[str], answer: Callable[[str], TaskResult | TaskFailure], workers: int = 1
) -> tuple[ScriptedExecutor, list[BenchEvent], RunProgress]:
    executor, events, progress = ScriptedExecutor(answer), list[BenchEvent](), RunProgress()
    plan = RunPlan([BenchTask(id=name, issue="") for name in names], Settings(), workers)
    with RunDirectory(tmp_path / "run") as directory:
        directory.begin(run_identity("1", Path("t"), "d", Settings()))
        anyio.run(run_tasks, plan, directory, executor, events.append, progress)
    return executor, events, progress


@pytest.mark.parametrize("workers", [1, 3, 10])
def test_every_task_is_run_once(tmp_path: Path, workers: int) -> None:
    names = [f"t{number}" for number in range(7)]
    executor, events, progress = run(tmp_path, names, result, workers)
    assert executor.run_ids == names
    assert [event.result.instance_id for event in events if isinstance(event, TaskFinished)] == names
    assert [event.instance_id for event in events if isinstance(event, TaskBegan)] == names
    assert len((tmp_path / "run" / "results.jsonl").read_text().splitlines()) == 7
    assert progress == RunProgress()


def test_a_lost_server_ends_the_run_after_three_tasks(tmp_path: Path) -> None:
    executor, events, progress = run(tmp_path, list("abcdef"), lambda name: failure(name, 3))
    assert executor.run_ids == list("abc")
    assert (progress.given_up, [each.instance_id for each in progress.failures]) == (True, list("abc"))
    assert len([event for event in events if isinstance(event, TaskPrevented)]) == 3
    assert (tmp_path / "run" / "results.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("codes", "given_up"),
    [([3, 4, 0, 3, 4, 0], False), ([6, 6, 6, 6, 6, 6], False), ([1, 3, 3, 1, 3, 0], True), ([3, 6, 4, 6, 1, 0], False)],
    ids=["a result in between", "missing repositories", "three of the server", "two of the server"],
)
def test_only_failures_of_server_and_sandbox_in_a_row_count(tmp_path: Path, codes: list[int], given_up: bool) -> None:
    by_name = dict(zip("abcdef", codes, strict=True))
    _, _, progress = run(
        tmp_path, list(by_name), lambda name: failure(name, by_name[name]) if by_name[name] else result(name)
    )
    assert progress.given_up is given_up


def test_a_result_that_cannot_be_kept_ends_the_run(tmp_path: Path) -> None:
    def answer(name: str) -> TaskResult:
        raise JournalWriteFailed("no space left")

    with pytest.raises(JournalWriteFailed, match="no space left"):
        run(tmp_path, ["a", "b"], answer, workers=2)
