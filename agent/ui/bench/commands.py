"""Runs, reports and compares benchmarks for the command line."""

from __future__ import annotations

import json as json_module
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskStatus

from agent import __version__
from agent.bench.compare import compare
from agent.bench.datasets.tasks import BenchTask, TaskSet, load_tasks, select
from agent.bench.directory import RunDirectory, identity
from agent.bench.executors.base import Executor
from agent.bench.executors.local import LocalExecutor
from agent.bench.record import Failure, Summary
from agent.bench.run import Plan, Progress, run_tasks
from agent.bench.serving import serve_all, too_many
from agent.config import Settings, load_settings
from agent.errors import SweAgentError, UsageError
from agent.ui.bench.progress import BenchWatch
from agent.ui.bench.tables import comparison_tables, run_table, share_of

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Wanted:
    """What the user asks for, beside the settings of the sessions."""

    tasks: Path
    out: Path | None = None
    workers: int = 1
    pattern: str | None = None
    limit: int | None = None
    repositories: Path | None = None
    json: bool = False


@dataclass(frozen=True)
class _Run:
    """A run that is about to begin: its tasks, those still to do, where it is kept, who is told."""

    wanted: Wanted
    settings: Settings
    chosen: list[BenchTask]
    left: list[BenchTask]
    directory: RunDirectory
    watch: BenchWatch
    executor: Executor


def run_bench(wanted: Wanted, flags: Mapping[str, Any]) -> int:
    """Run a task set; the exit code. Raises `UsageError`, `BackendError`s, `JournalWriteFailed`."""
    from rich.console import Console

    settings, _, _ = load_settings(flags)
    if wanted.repositories is not None and not wanted.repositories.is_dir():
        raise UsageError(f"--repositories: there is no directory {wanted.repositories}")
    found = load_tasks(wanted.tasks)
    chosen = select(found.tasks, wanted.pattern, wanted.limit)
    place = (wanted.out or Path(f"bench-{wanted.tasks.stem}-{time.strftime('%Y%m%d-%H%M%S')}")).absolute()
    console = Console(stderr=True, highlight=False)
    with RunDirectory(place) as directory:
        directory.begin(identity(__version__, wanted.tasks, found.digest, settings))
        before = [record for task in chosen if (record := directory.record(task))]
        done = {record.instance_id for record in before}
        left = [task for task in chosen if task.id not in done]
        watch = BenchWatch(console, tasks=len(chosen), before=before, json_lines=wanted.json)
        watch.note(f"{len(chosen)} tasks, {len(before)} of them done before; kept in {place}")
        run = _Run(wanted, settings, chosen, left, directory, watch, LocalExecutor())
        progress = Progress()
        try:
            interrupted = bool(left) and anyio.run(_run_interruptibly, run, found, progress)
        except SweAgentError:
            _write_json(wanted, directory.finish(len(chosen), progress.failures))
            raise
        summary = directory.finish(len(chosen), progress.failures)
        _write_json(wanted, summary)
        return _conclude(run, summary, progress, interrupted=interrupted)


async def _run_interruptibly(run: _Run, found: TaskSet, progress: Progress) -> bool:
    """Run the tasks; the first SIGINT or SIGTERM ends it in good order, the second at once. Whether one came."""
    errors: list[SweAgentError] = []
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def watch(task_status: TaskStatus[anyio.CancelScope]) -> None:
                # shielded: a second signal must be heard while the sessions are ending
                with (
                    anyio.CancelScope(shield=True) as own,
                    anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
                ):
                    task_status.started(own)
                    async for _ in signals:
                        if scope.cancel_called:
                            os._exit(130)  # asked twice: the sessions end with this process, what is done is kept
                        run.watch.note("ending the sessions; once more ends at once")
                        scope.cancel()

            watching = await group.start(watch)
            try:
                await _run(run, found, progress)
            except SweAgentError as error:  # a task group would wrap it
                errors.append(error)
            finally:
                watching.cancel()
    if errors:
        raise errors[0]
    return scope.cancel_called


async def _run(run: _Run, found: TaskSet, progress: Progress) -> None:
    wanted, watch = run.wanted, run.watch
    log = run.directory.place / "model-server.log"
    workers = min(wanted.workers, len(run.left))
    async with serve_all(run.settings, workers=workers, log_path=log, on_progress=watch.note) as served:
        known = identity(__version__, wanted.tasks, found.digest, run.settings)
        run.directory.begin(known.model_copy(update={"served": served.model}))
        if told := too_many(workers, served.slots):
            watch.note(told)
        with watch:
            plan = Plan(run.left, served.settings, workers, wanted.repositories)
            await run_tasks(plan, run.directory, run.executor, watch, progress)


def _write_json(wanted: Wanted, summary: Summary) -> None:
    if wanted.json:
        sys.stdout.write(summary.model_dump_json() + "\n")
        sys.stdout.flush()


def _conclude(run: _Run, summary: Summary, progress: Progress, *, interrupted: bool) -> int:
    """Tell how it came out; the exit code."""
    from rich.console import Console

    if not run.wanted.json:
        _print_run(Console(highlight=False), run.directory, summary)
    if interrupted:
        run.watch.note(f"interrupted; the same command with --out {run.directory.place} goes on")
        return 130
    if progress.given_up:
        run.watch.note(f"given up after {len(progress.failures)} tasks could not be run; the others were not tried")
    return _told_failures(run, progress.failures)


def _told_failures(run: _Run, failures: Sequence[Failure]) -> int:
    for failure in failures:
        run.watch.note(f"{failure.instance_id} was not run: {failure.reason}")
    if failures:
        run.watch.note(f"these have no result; the same command with --out {run.directory.place} tries them again")
    return failures[0].exit_code if failures else 0


def _print_run(console: Console, directory: RunDirectory, summary: Summary) -> None:
    console.print(run_table(directory.records(), summary.failures, summary))
    console.print(f"\n{share_of(summary)}", soft_wrap=True)


def run_report(place: Path, html: Path | None, *, json: bool) -> int:
    """Print a run's table, or its summary as JSON; write the page if one is asked for."""
    from rich.console import Console

    directory = RunDirectory.open(place)
    summary = _last_summary(directory)
    if html is not None:
        from agent.ui.bench.html import report_page

        try:
            html.write_text(report_page(directory, summary), encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{html} can't be written: {error.strerror}") from error
    if json:
        sys.stdout.write(summary.model_dump_json() + "\n")
    else:
        _print_run(Console(highlight=False), directory, summary)
    return 0


def _last_summary(directory: RunDirectory) -> Summary:
    """The figures as they are now; how many tasks there were, and what failed, as the run left it."""
    try:
        left = Summary.model_validate_json((directory.place / "summary.json").read_bytes())
    except (OSError, ValueError):
        return directory.summary()
    return directory.summary(left.tasks, left.failures)


def run_compare(places: Sequence[Path], *, json: bool) -> int:
    """Print runs side by side."""
    from rich.console import Console

    if len(places) < 2:
        raise UsageError("it takes two runs to compare", hint="swe-agent bench compare DIR DIR")
    comparison = compare([RunDirectory.open(place) for place in places])
    if json:
        sys.stdout.write(json_module.dumps(comparison.as_json()) + "\n")
        return 0
    console = Console(highlight=False)
    for table in comparison_tables(comparison):
        console.print(table)
        console.print()
    return 0
