"""A benchmark's figures for a person: the table of a run, the comparison of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.bench.compare import Comparison
from agent.bench.record import Failure, Record, Summary
from agent.text import printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def clock(seconds: float) -> str:
    """`1:05`, `2:03:04`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """`66.7%`."""
    return f"{100 * share:.1f}%"


def share_of(summary: Summary) -> str:
    """`12 of 18 solved, 66.7% (43.7–83.7%)`."""
    if not summary.run:
        return "none was run"
    low, high = summary.interval
    bounds = f"{100 * low:.1f}–{percent(high)}"
    return f"{summary.solved} of {summary.run} solved, {percent(summary.share)} ({bounds})"


def plain(text: str, style: str = "") -> Text:
    """Untrusted text for a cell: no markup, no control characters, one line."""
    from rich.text import Text

    return Text(" ".join(printable(text).split()), style=style)


def _verdict(record: Record) -> Text:
    return plain("yes", "green") if record.solved else plain("no", "red")


def run_table(records: Sequence[Record], failures: Sequence[Failure], summary: Summary) -> Table:
    """A row a task, the totals below."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("task", "status", "solved"):
        table.add_column(heading)
    for heading in ("tokens in", "out", "time"):
        table.add_column(heading, justify="right")
    for record in sorted(records, key=lambda each: each.instance_id):
        usage = record.usage
        table.add_row(
            plain(record.instance_id), record.status, _verdict(record),
            f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", clock(record.seconds),
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
    """What each run came to, the tasks that differ, and each later run against the first."""
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
