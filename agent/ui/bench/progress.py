"""A benchmark run as it goes by: a live table on a terminal, plain lines elsewhere, JSON lines when asked for."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.bench.datasets.tasks import BenchTask
from agent.bench.record import Failure, Record
from agent.ui.bench.tables import clock, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_SHOWN = 12
"""Finished tasks the live table shows, the latest; all are in the table at the end."""


class BenchWatch:
    """Tells of tasks as they begin and end. `before` are the tasks an earlier run has done."""

    def __init__(self, console: Console, *, tasks: int, before: list[Record], json_lines: bool) -> None:
        self._console = console
        self._json = json_lines
        self._tasks = tasks
        self._done = len(before)
        self._solved = sum(record.solved for record in before)
        self._failed = 0
        self._running: dict[str, float] = {}
        self._latest: list[tuple[str, str, str, str, str]] = []
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=2, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def note(self, message: str) -> None:
        """Tell something about the run."""
        self._console.print(plain(f"swe-agent: {message}"), soft_wrap=True)

    def began(self, task: BenchTask) -> None:
        """See `Watcher`."""
        self._running[task.id] = time.monotonic()
        if self._live is None:
            self._console.print(plain(f"{self._count()} {task.id}: begins"), soft_wrap=True)

    def done(self, task: BenchTask, record: Record) -> None:
        """See `Watcher`."""
        self._done += 1
        self._solved += record.solved
        tokens = f"{record.usage.prompt_tokens + record.usage.completion_tokens:,}"
        verdict = "solved" if record.solved else "not solved"
        self._ended(task, (task.id, record.status, verdict, tokens, clock(record.seconds)), record.reason)
        if self._json:
            self._line({"kind": "task"} | record.model_dump(mode="json"))

    def failed(self, task: BenchTask, failure: Failure) -> None:
        """See `Watcher`."""
        self._failed += 1
        self._ended(task, (task.id, "not run", "", "", ""), failure.reason)
        if self._json:
            self._line({"kind": "failure"} | failure.model_dump(mode="json"))

    def _ended(self, task: BenchTask, row: tuple[str, str, str, str, str], reason: str) -> None:
        self._running.pop(task.id, None)
        self._latest = [*self._latest, row][-_SHOWN:]
        if self._live is None:
            _, status, verdict, tokens, seconds = row
            parts = [verdict, f"({status})" if verdict else status, f"{tokens} tokens, {seconds}" if tokens else ""]
            told = " ".join(filter(None, parts)) + (f": {reason}" if reason else "")
            self._console.print(plain(f"{self._count()} {task.id}: {told}"), soft_wrap=True)

    def _count(self) -> str:
        return f"[{self._done + self._failed}/{self._tasks}]"

    def _table(self) -> Table:
        from rich.table import Table

        table = Table("task", "status", "", box=None, pad_edge=False)
        table.add_column("tokens", justify="right")
        table.add_column("time", justify="right")
        for row in self._latest:
            table.add_row(*(plain(cell, {"solved": "green", "not solved": "red"}.get(cell, "")) for cell in row))
        for name, began in list(self._running.items()):
            table.add_row(plain(name, "bold"), "running", "", "", clock(time.monotonic() - began))
        failed = f", {self._failed} not run" if self._failed else ""
        table.add_row(plain(f"{self._done} of {self._tasks} done, {self._solved} solved{failed}", "bold"))
        return table

    def _line(self, data: object) -> None:
        import json

        sys.stdout.write(json.dumps(data) + "\n")
        sys.stdout.flush()
