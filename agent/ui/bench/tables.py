"""A benchmark's figures for a person: the table of a run, the comparison of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.bench.compare import Comparison
from agent.bench.directory import RunDirectory
from agent.bench.results import RunSummary, TaskFailure, TaskResult
from agent.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def clock(seconds: float) -> str:
    """Seconds as `1:05` or `2:03:04`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """A share from 0 to 1 as `66.7%`."""
    return f"{100 * share:.1f}%"


def solved_share(summary: RunSummary) -> str:
    """The share solved as `12 of 18 solved, 66.7% (43.7–83.7%)`."""
    if not summary.run:
        return "none was run"
    low, high = summary.interval
    bounds = f"{100 * low:.1f}–{percent(high)}"
    return f"{summary.solved} of {summary.run} solved, {percent(summary.share)} ({bounds})"


def plain(text: str, style: str = "") -> Text:
    """Untrusted text for a cell: no markup, no control characters, one line."""
    from rich.text import Text

    return Text(" ".join(printable(text).split()), style=style)


def _verdict(result: TaskResult) -> Text:
    return plain("yes", "green") if result.solved else plain("no", "red")


def print_run(console: Console, directory: RunDirectory, summary: RunSummary) -> None:
    """Print a run's table and its share solved."""
    console.print(run_table(directory.results(), summary.failures, summary))
    console.print(f"\n{solved_share(summary)}", soft_wrap=True)


def run_table(results: Sequence[TaskResult], failures: Sequence[TaskFailure], summary: RunSummary) -> Table:
    """A row for each task, the totals below."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("task", "status", "solved"):
        table.add_column(heading)
    for heading in ("tokens in", "out", "time"):
        table.add_column(heading, justify="right")
    for result in sorted(results, key=lambda each: each.instance_id):
        usage = result.usage
        table.add_row(
            plain(result.instance_id), result.status, _verdict(result),
            f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", clock(result.seconds),
        )  # fmt: skip
    for failure in failures:
        table.add_row(plain(failure.instance_id), plain("not run", "yellow"), "", "", "", "")
    usage = summary.usage
    table.add_section()
    table.add_row(
        plain(f"{summary.run} of {summary.tasks} run", "bold"), "", plain(str(summary.solved), "bold"),
        f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", clock(summary.seconds),
    )  # fmt: skip
    return table


def comparison_tables(comparison: Comparison) -> list[Table]:
    """The figures of each run, the tasks that not all solved, and each later run compared with the first."""
    from rich.table import Table

    totals = Table(box=None, pad_edge=False)
    for heading, justify in (("run", "left"), ("model", "left"), ("solved", "left"), ("on common tasks", "right")):
        totals.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for heading in ("tokens in", "out", "time"):
        totals.add_column(heading, justify="right")
    for run in comparison.runs:
        usage = run.usage
        totals.add_row(
            plain(run.name), plain(run.model), f"{run.solved} of {run.tasks} ({_bounds(run.interval)})",
            f"{run.common_solved} of {comparison.common}", f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}",
            clock(run.seconds),
        )  # fmt: skip
    tables = [totals]
    if comparison.differing:
        tasks = Table("differs", box=None, pad_edge=False)
        for run in comparison.runs:
            tasks.add_column(plain(run.name))
        for name, verdicts in comparison.differing.items():
            tasks.add_row(plain(name), *(plain("yes", "green") if each else plain("no", "red") for each in verdicts))
        tables.append(tasks)
    pairs = Table(box=None, pad_edge=False)
    for heading in ("against the first", "only the first", "only this", "both", "difference (95%)", "p (McNemar)"):
        pairs.add_column(heading, justify="left" if heading.startswith("against") else "right")
    for run, pair in zip(comparison.runs[1:], comparison.pairs, strict=True):
        low, high = pair.interval
        difference = f"{100 * pair.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        pairs.add_row(
            plain(run.name), str(pair.only_first), str(pair.only_second), str(pair.both), difference, f"{pair.p:.3g}"
        )
    return [*tables, pairs]


def _bounds(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.1f}–{percent(interval[1])}"
