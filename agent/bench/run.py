"""The workers of a run: each takes the next task, has it executed, and keeps the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from agent.bench.datasets.tasks import BenchTask
from agent.bench.directory import RunDirectory
from agent.bench.events import BenchSubscriber, TaskBegan, TaskFinished, TaskPrevented
from agent.bench.executors.base import Executor, Job
from agent.bench.results import TaskFailure, TaskResult
from agent.config import Settings
from agent.errors import JournalWriteFailed

MAX_FAILURES_IN_A_ROW = 3
"""After so many tasks in a row that the model's server or the sandbox prevented, the rest is not tried."""


@dataclass(frozen=True)
class RunPlan:
    """What is to be done: the tasks without a result, the sessions' settings, and how many workers share the tasks."""

    tasks: Sequence[BenchTask]
    settings: Settings
    workers: int = 1
    repositories: Path | None = None


@dataclass
class RunProgress:
    """What went wrong so far: the failures, and whether the rest was given up for them."""

    failures: list[TaskFailure] = field(default_factory=list)
    given_up: bool = False
    in_a_row: int = 0

    def add(self, outcome: TaskResult | TaskFailure) -> None:
        """Count the outcome of a task."""
        if isinstance(outcome, TaskResult):
            self.in_a_row = 0
            return
        self.failures.append(outcome)
        # a missing repository concerns its own tasks only; a lost server concerns all
        self.in_a_row += outcome.exit_code in {3, 4}
        self.given_up = self.given_up or self.in_a_row >= MAX_FAILURES_IN_A_ROW


async def run_tasks(
    plan: RunPlan, directory: RunDirectory, executor: Executor, emit: BenchSubscriber, progress: RunProgress
) -> None:
    """Work on the tasks; finished ones are in the directory, and failures in `progress`, at any moment.

    A cancellation ends the running sessions in good order. Raises `JournalWriteFailed`.
    """
    waiting = list(reversed(plan.tasks))

    async def work() -> None:
        while waiting and not progress.given_up:
            task = waiting.pop()
            emit(TaskBegan(task.id))
            outcome = await executor.run(Job(task, directory.task_directory(task), plan.settings, plan.repositories))
            progress.add(outcome)
            if isinstance(outcome, TaskResult):
                directory.append(outcome)
                emit(TaskFinished(outcome))
            else:
                emit(TaskPrevented(outcome))

    try:
        async with anyio.create_task_group() as group:
            for _ in range(min(plan.workers, len(waiting))):
                group.start_soon(work)
    except* JournalWriteFailed as errors:
        raise errors.exceptions[0] from None
