"""The progress of a benchmark run: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.bench.events import BenchEvent, Notice, TaskBegan, TaskFinished, TaskPrevented
from agent.bench.results import TaskFailure, TaskResult
from agent.ui.bench.tables import clock, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_MAX_ROWS = 12
"""How many finished tasks the live table shows, the latest ones; the table at the end has all."""


class BenchTerminal:
    """A subscriber that shows a run to a person.

    `tasks` is how many tasks the run has, `earlier` the results that an earlier run left. As a context manager it
    shows the live table.
    """

    def __init__(self, console: Console, *, tasks: int, earlier: list[TaskResult]) -> None:
        self._console = console
        self._tasks = tasks
        self._finished = len(earlier)
        self._solved = sum(result.solved for result in earlier)
        self._prevented = 0
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

    def __call__(self, event: BenchEvent) -> None:
        """Show one event."""
        match event:
            case Notice(message):
                self._print(f"swe-agent: {message}")
            case TaskBegan(instance_id):
                self._running[instance_id] = time.monotonic()
                if self._live is None:
                    self._print(f"{self._count()} {instance_id}: begins")
            case TaskFinished(result):
                self._show_result(result)
            case TaskPrevented(failure):
                self._show_failure(failure)

    def _show_result(self, result: TaskResult) -> None:
        self._finished += 1
        self._solved += result.solved
        tokens = f"{result.usage.prompt_tokens + result.usage.completion_tokens:,}"
        verdict = "solved" if result.solved else "not solved"
        self._show_end((result.instance_id, result.status, verdict, tokens, clock(result.seconds)), result.reason)

    def _show_failure(self, failure: TaskFailure) -> None:
        self._prevented += 1
        self._show_end((failure.instance_id, "not run", "", "", ""), failure.reason)

    def _show_end(self, row: tuple[str, str, str, str, str], reason: str) -> None:
        instance_id, status, verdict, tokens, seconds = row
        self._running.pop(instance_id, None)
        self._latest = [*self._latest, row][-_MAX_ROWS:]
        if self._live is None:
            parts = [verdict, f"({status})" if verdict else status, f"{tokens} tokens, {seconds}" if tokens else ""]
            text = " ".join(filter(None, parts)) + (f": {reason}" if reason else "")
            self._print(f"{self._count()} {instance_id}: {text}")

    def _print(self, text: str) -> None:
        self._console.print(plain(text), soft_wrap=True)

    def _count(self) -> str:
        return f"[{self._finished + self._prevented}/{self._tasks}]"

    def _table(self) -> Table:
        from rich.table import Table

        table = Table("task", "status", "", box=None, pad_edge=False)
        table.add_column("tokens", justify="right")
        table.add_column("time", justify="right")
        for row in self._latest:
            table.add_row(*(plain(cell, {"solved": "green", "not solved": "red"}.get(cell, "")) for cell in row))
        for name, began in list(self._running.items()):
            table.add_row(plain(name, "bold"), "running", "", "", clock(time.monotonic() - began))
        prevented = f", {self._prevented} not run" if self._prevented else ""
        table.add_row(plain(f"{self._finished} of {self._tasks} finished, {self._solved} solved{prevented}", "bold"))
        return table
