"""A benchmark run as one HTML page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from agent.bench.directory import RunDirectory
from agent.bench.record import Record, Summary
from agent.session.events import TestOutcome
from agent.text import printable
from agent.ui.bench.tables import clock, percent, share_of

_PATCH_CHARACTERS = 200_000
_LOG_CHARACTERS = 40_000
_KINDS = {"+": "add", "-": "del", "@": "hunk"}


@dataclass(frozen=True)
class _Row:
    """A task on the page."""

    record: Record
    time: str
    before: str
    after: str
    patch: list[tuple[str, str]]
    log: str


def report_page(directory: RunDirectory, summary: Summary) -> str:
    """The page. All that comes from a model, a repository or a test is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("agent.ui", "."),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = directory.identity()
    settings = {name: value for name, value in known.settings.items() if value is not None}
    records = sorted(directory.records(), key=lambda each: each.instance_id)
    return environment.get_template("bench_report.html.j2").render(
        title=f"{summary.model or 'Benchmark'} on {known.tasks.rpartition('/')[2]}",
        share=share_of(summary),
        low=percent(summary.interval[0]),
        high=percent(summary.interval[1]),
        part=percent(summary.share),
        summary=summary,
        time=clock(summary.seconds),
        settings=" ".join(f"{name}={shlex.quote(str(value))}" for name, value in sorted(settings.items())),
        rows=[_row(directory, each) for each in records],
    )


def _row(directory: RunDirectory, record: Record) -> _Row:
    verified = record.verification
    return _Row(
        record=record,
        time=clock(record.seconds),
        before=_outcome(verified.before) if verified else "",
        after=_outcome(verified.after) if verified else "",
        patch=[(_kind(line), line) for line in _cut(directory.patch(record), _PATCH_CHARACTERS).splitlines()],
        log=_cut(directory.scoring_log(record), _LOG_CHARACTERS),
    )


def _kind(line: str) -> str:
    return "hunk" if line.startswith(("--- ", "+++ ", "diff ", "index ")) else _KINDS.get(line[:1], "")


def _outcome(outcome: TestOutcome | None) -> str:
    if outcome is None:
        return "not run"
    if outcome.passed:
        return f"pass ({outcome.tests} tests)" if outcome.tests else "pass"
    of = f" {outcome.failed} of {outcome.tests}" if outcome.tests and outcome.failed else ""
    return f"fail{of}{': ' + ', '.join(outcome.failures[:5]) if outcome.failures else ''}"


def _cut(text: str, most: int) -> str:
    """The head and tail of a text that is too long for the page."""
    text = printable(text)
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[… {len(text) - most:,} characters left out …]\n{text[-most // 2 :]}"
