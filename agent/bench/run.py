"""The workers of a run: each takes the next task, has it executed, keeps what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio

from agent.bench.datasets.tasks import BenchTask
from agent.bench.directory import RunDirectory
from agent.bench.executors.base import Executor, Job
from agent.bench.record import Failure, Record
from agent.config import Settings
from agent.errors import JournalWriteFailed

GIVE_UP_AFTER = 3
"""Tasks in a row that the server or the sandbox prevented, after which the others are not tried."""


class Watcher(Protocol):
    """Who is told of a run as it goes by."""

    def began(self, task: BenchTask) -> None:
        """A task is being worked on."""
        ...

    def done(self, task: BenchTask, record: Record) -> None:
        """A task has its result."""
        ...

    def failed(self, task: BenchTask, failure: Failure) -> None:
        """Infrastructure prevented a task."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is to be done: tasks without a result, how and by how many workers."""

    tasks: Sequence[BenchTask]
    settings: Settings
    workers: int = 1
    repositories: Path | None = None


@dataclass
class Progress:
    """What has been done: the failures, and whether the rest was given up."""

    failures: list[Failure] = field(default_factory=list)
    given_up: bool = False
    in_a_row: int = 0

    def note(self, outcome: Record | Failure) -> None:
        """Count what came of a task."""
        if isinstance(outcome, Record):
            self.in_a_row = 0
            return
        self.failures.append(outcome)
        # a missing repository is the matter of its own tasks; a lost server is everyone's
        self.in_a_row += outcome.exit_code in {3, 4}
        self.given_up = self.given_up or self.in_a_row >= GIVE_UP_AFTER


async def run_tasks(
    plan: Plan, directory: RunDirectory, executor: Executor, watcher: Watcher, progress: Progress
) -> None:
    """Work on the tasks; what is done is in the directory, and in `progress`, at any moment.

    A cancellation ends what is being worked on, in good order. Raises `JournalWriteFailed`.
    """
    waiting = list(reversed(plan.tasks))

    async def work() -> None:
        while waiting and not progress.given_up:
            task = waiting.pop()
            watcher.began(task)
            outcome = await executor.run(Job(task, directory.task(task), plan.settings, plan.repositories))
            progress.note(outcome)
            if isinstance(outcome, Record):
                directory.keep(outcome)
                watcher.done(task, outcome)
            else:
                watcher.failed(task, outcome)

    try:
        async with anyio.create_task_group() as group:
            for _ in range(min(plan.workers, len(waiting))):
                group.start_soon(work)
    except* JournalWriteFailed as errors:
        raise errors.exceptions[0] from None
