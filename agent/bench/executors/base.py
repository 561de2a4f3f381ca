"""The interface between a run and where its tasks are worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.bench.datasets.tasks import BenchTask
from agent.bench.results import TaskFailure, TaskResult
from agent.config import Settings


@dataclass(frozen=True)
class Job:
    """A task with everything needed to work on it; plain data, so that it can be sent to another machine.

    `settings` are the run's, the model's address among them. `directory` is the task's own, below the run's.
    """

    task: BenchTask
    directory: Path
    settings: Settings
    repositories: Path | None = None


class Executor(Protocol):
    """Where tasks are worked on."""

    async def run(self, job: Job) -> TaskResult | TaskFailure:
        """Work on one task and score it; afterwards its result and patch are in its directory.

        Returns a `TaskFailure` where infrastructure prevented the task. Raises `JournalWriteFailed` where the result
        can't be kept.
        """
        ...
