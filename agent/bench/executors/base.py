"""The seam between a run and where its tasks are worked on: on this machine, or one day on many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.bench.datasets.tasks import BenchTask
from agent.bench.record import Failure, Record
from agent.config import Settings


@dataclass(frozen=True)
class Job:
    """A task with all that working on it needs; plain data, so that it can travel.

    `settings` are the run's, the model's address among them. `directory` is the task's own, below the run's.
    """

    task: BenchTask
    directory: Path
    settings: Settings
    repositories: Path | None = None


class Executor(Protocol):
    """Where tasks are worked on."""

    async def run(self, job: Job) -> Record | Failure:
        """Work on one task and score it; its record and patch lie in its directory then.

        A `Failure` where infrastructure prevented it. Raises `JournalWriteFailed` when nothing can be kept.
        """
        ...
