"""`swe-agent bench run`: runs a dataset, shows its progress, prints the table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agent import __version__
from agent.app.interrupts import EXIT_CODE as INTERRUPTED
from agent.app.interrupts import interruptible
from agent.bench.datasets.tasks import BenchTask, load_tasks, select
from agent.bench.directory import RunDirectory, RunIdentity, run_identity
from agent.bench.events import BenchEvent, BenchSubscriber, Notice
from agent.bench.executors.local import LocalExecutor
from agent.bench.results import RunSummary
from agent.bench.run import RunPlan, RunProgress, run_tasks
from agent.bench.serving import open_shared_model, slots_warning
from agent.config import Settings, load_settings
from agent.errors import UsageError
from agent.ui.bench.json_lines import BenchJsonLines
from agent.ui.bench.progress import BenchTerminal
from agent.ui.bench.tables import print_run


@dataclass(frozen=True)
class BenchOptions:
    """The options of `bench run`, except the settings of the sessions.

    `out` None is a new directory with a name of its own; `pattern` filters task ids, `limit` counts tasks.
    """

    tasks: Path
    out: Path | None = None
    workers: int = 1
    pattern: str | None = None
    limit: int | None = None
    repositories: Path | None = None
    json: bool = False


@dataclass(frozen=True)
class _Run:
    """A run that is about to begin: all its tasks, those without a result, its directory, who is notified."""

    options: BenchOptions
    settings: Settings
    identity: RunIdentity
    tasks: list[BenchTask]
    left: list[BenchTask]
    directory: RunDirectory
    terminal: BenchTerminal
    emit: BenchSubscriber

    def notice(self, message: str) -> None:
        """Emit a line about the run as a whole."""
        self.emit(Notice(message))


def run_bench(options: BenchOptions, settings_options: Mapping[str, Any]) -> int:
    """Run a dataset and return the exit code. Raises `UsageError`, `BackendError`s, `JournalWriteFailed`."""
    from rich.console import Console

    settings, _, _ = load_settings(settings_options)
    if options.repositories is not None and not options.repositories.is_dir():
        raise UsageError(f"--repositories: there is no directory {options.repositories}")
    dataset = load_tasks(options.tasks)
    tasks = select(dataset.tasks, options.pattern, options.limit)
    path = (options.out or Path(f"bench-{options.tasks.stem}-{time.strftime('%Y%m%d-%H%M%S')}")).absolute()
    identity = run_identity(__version__, options.tasks, dataset.digest, settings)
    with RunDirectory(path) as directory:
        directory.begin(identity)
        earlier = [result for task in tasks if (result := directory.result(task))]
        finished = {result.instance_id for result in earlier}
        left = [task for task in tasks if task.id not in finished]
        terminal = BenchTerminal(Console(stderr=True, highlight=False), tasks=len(tasks), earlier=earlier)
        subscribers: list[BenchSubscriber] = [terminal, BenchJsonLines()] if options.json else [terminal]

        def emit(event: BenchEvent) -> None:
            for subscriber in subscribers:
                subscriber(event)

        run = _Run(options, settings, identity, tasks, left, directory, terminal, emit)
        run.notice(f"{len(tasks)} tasks, {len(earlier)} of them done before; results in {path}")
        return _run(run)


def _run(run: _Run) -> int:
    """Run the tasks that are left and write the figures, whatever happens; the exit code."""
    progress = RunProgress()
    interrupted = False
    try:
        if run.left:
            interrupted = anyio.run(_run_interruptibly, run, progress)
    finally:
        summary = run.directory.finish(len(run.tasks), progress.failures)
        if run.options.json:
            sys.stdout.write(summary.model_dump_json() + "\n")
            sys.stdout.flush()
    return _conclude(run, summary, progress, interrupted=interrupted)


async def _run_interruptibly(run: _Run, progress: RunProgress) -> bool:
    """Run the tasks; whether a signal ended that."""

    def on_signal(_: object) -> None:
        run.notice("ending the sessions; interrupt again to end at once")

    return await interruptible(partial(_run_tasks, run, progress), on_signal=on_signal) is None


async def _run_tasks(run: _Run, progress: RunProgress) -> bool:
    """Run the tasks with one model for all; True when done."""
    log = run.directory.path / "model-server.log"
    workers = min(run.options.workers, len(run.left))
    async with open_shared_model(run.settings, workers=workers, log_path=log, on_progress=run.notice) as model:
        run.directory.begin(run.identity.model_copy(update={"served": model.model}))
        if warning := slots_warning(workers, model.slots):
            run.notice(warning)
        with run.terminal:
            plan = RunPlan(run.left, model.settings, workers, run.options.repositories)
            await run_tasks(plan, run.directory, LocalExecutor(), run.emit, progress)
    return True


def _conclude(run: _Run, summary: RunSummary, progress: RunProgress, *, interrupted: bool) -> int:
    """Print the figures and what was not run; the exit code."""
    from rich.console import Console

    if not run.options.json:
        print_run(Console(highlight=False), run.directory, summary)
    if interrupted:
        run.notice(f"interrupted; the same command with --out {run.directory.path} goes on where it stopped")
        return INTERRUPTED
    failures = progress.failures
    if progress.given_up:
        run.notice(f"given up after {len(failures)} tasks could not be run; the others were not tried")
    for failure in failures:
        run.notice(f"{failure.instance_id} was not run: {failure.reason}")
    if failures:
        run.notice(f"these have no result; the same command with --out {run.directory.path} tries them again")
    return failures[0].exit_code if failures else 0
