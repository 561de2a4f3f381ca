"""`swe-agent bench`: runs, reports and compares benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import options

bench = typer.Typer(
    name="bench",
    help="Benchmarks: run many tasks, report what was solved, compare runs.\n\n"
    "Example:  swe-agent bench run tasks.jsonl --workers 2 --out runs/first",
    no_args_is_help=True,
)

_TASKS = "A dataset: a JSON or JSON lines file with SWE-bench's columns, or HumanEvalPack's (single functions)."


@bench.command("run")
def run_tasks(  # noqa: PLR0913 - one parameter an option
    tasks: Annotated[Path, typer.Argument(help=_TASKS)],
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of sessions that run at once.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="The run's directory; the same one continues a run. [default: bench-TASKS-TIME]")
    ] = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    context: options.Context = None,
    sandbox: options.SandboxKind = None,
    image: options.Image = None,
    network: options.Network = None,
    strategy: options.Strategy = None,
    attempts: options.Attempts = None,
    max_steps: options.MaxSteps = None,
    time_limit: options.TimeLimit = None,
    max_tokens: options.MaxTokens = None,
    only: Annotated[str | None, typer.Option("--filter", metavar="REGEX", help="Only tasks whose id matches.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N tasks.")] = None,
    repositories: Annotated[
        Path | None, typer.Option(help="A directory with clones, as owner/name; missing ones are cloned.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON line for each task, and a summary as the last.")
    ] = False,
    seed: options.Seed = None,
    temperature: options.Temperature = None,
) -> None:
    """Run many tasks, each as a session of its own, and score the patches by hidden tests.

    Exit codes: 0 all tasks were run (solved or not), 2 usage, 3 model server, 4 sandbox, 6 repository: some could not
    be run, and are retried by the same command with the same --out; 130 interrupted.

    Example:  swe-agent bench run tasks.jsonl --model qwen2.5-coder-1.5b --time-limit 5m --limit 10 --out runs/first
    """
    from agent.ui.bench.run import BenchOptions, run_bench

    settings = {
        "model": model, "base_url": base_url, "api_key": api_key, "context": context, "sandbox": sandbox,
        "image": image, "network": network, "strategy": strategy, "attempts": attempts, "max_steps": max_steps,
        "time_limit": time_limit, "max_tokens": max_tokens, "seed": seed, "temperature": temperature,
    }  # fmt: skip
    run_options = BenchOptions(
        tasks=tasks,
        out=out,
        workers=workers,
        pattern=only,
        limit=limit,
        repositories=repositories.absolute() if repositories else None,
        json=json,
    )
    raise typer.Exit(run_bench(run_options, settings))


@bench.command("report")
def report_run(
    directory: Annotated[Path, typer.Argument(help="The --out of a run.")],
    html: Annotated[Path | None, typer.Option(help="Also write a self-contained HTML page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Print what a run solved; with --html also write a page with each task's patch, verification and reason.

    Example:  swe-agent bench report runs/first --html report.html
    """
    from agent.ui.bench.report import run_report

    raise typer.Exit(run_report(directory, html, json=json))


@bench.command("compare")
def compare_runs(
    directories: Annotated[list[Path], typer.Argument(help="The --out of two or more runs.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print runs side by side: tasks solved, tasks that differ, tokens, time, and the difference's significance.

    Example:  swe-agent bench compare runs/first runs/second
    """
    from agent.ui.bench.compare import run_compare

    raise typer.Exit(run_compare(directories, json=json))
