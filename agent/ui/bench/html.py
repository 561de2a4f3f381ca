"""A benchmark run as one self-contained HTML page: no script, no font, no request."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from agent.bench.directory import RunDirectory
from agent.bench.results import RunSummary, TaskResult
from agent.session.events import TestOutcome
from agent.text import printable
from agent.ui.bench.tables import clock, percent, solved_share

_MAX_PATCH_CHARACTERS = 200_000
_MAX_LOG_CHARACTERS = 40_000
_KINDS = {"+": "add", "-": "del", "@": "hunk"}


@dataclass(frozen=True)
class _Row:
    """A task on the page."""

    result: TaskResult
    time: str
    before: str
    after: str
    patch: list[tuple[str, str]]
    log: str


def report_page(directory: RunDirectory, summary: RunSummary) -> str:
    """The page's HTML. Text from a model, a repository or a test is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("agent.ui.bench", "."),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = directory.identity()
    settings = {name: value for name, value in known.settings.items() if value is not None}
    results = sorted(directory.results(), key=lambda each: each.instance_id)
    return environment.get_template("report.html.j2").render(
        title=f"{summary.model or 'Benchmark'} on {known.tasks.rpartition('/')[2]}",
        share=solved_share(summary),
        low=percent(summary.interval[0]),
        high=percent(summary.interval[1]),
        part=percent(summary.share),
        summary=summary,
        time=clock(summary.seconds),
        settings=" ".join(f"{name}={shlex.quote(str(value))}" for name, value in sorted(settings.items())),
        rows=[_row(directory, each) for each in results],
    )


def _row(directory: RunDirectory, result: TaskResult) -> _Row:
    verified = result.verification
    return _Row(
        result=result,
        time=clock(result.seconds),
        before=_outcome(verified.before) if verified else "",
        after=_outcome(verified.after) if verified else "",
        patch=[(_kind(line), line) for line in _cut(directory.patch(result), _MAX_PATCH_CHARACTERS).splitlines()],
        log=_cut(directory.scoring_log(result), _MAX_LOG_CHARACTERS),
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


def _cut(text: str, limit: int) -> str:
    """The head and tail of a text that is too long for the page."""
    text = printable(text)
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}\n[… {len(text) - limit:,} characters left out …]\n{text[-limit // 2 :]}"
