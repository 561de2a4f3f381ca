"""One system over tasks, one after the other, each in a fresh repository and an empty home; a record for each.

::

    python -m benchmarks.fixing.run --functions FILE --first 12 --quixbugs LIST --checkout DIR --first-programs 6 \
        --system swe-agent --base-url URL --model NAME --out DIR

A task whose record is there is not run again. `python -m benchmarks.fixing.report DIR` prints what is there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from agent.strategy.guided.rules import GuidedRules

from .jail import Jail
from .peers import Aider, Mini, environment_of
from .proxy import Proxy
from .report import text_of
from .systems import ROOT, Job, Ours, System, clean_environment
from .tasks import Task, functions, quixbugs


def main() -> int:
    """Run what the command line says."""
    options = _options()
    system = _system(options)
    out: Path = options.out / options.label
    out.mkdir(parents=True, exist_ok=True)
    bin_directory = environment_of(options.cache, "python", "pytest")
    versions = system.install(options.cache)
    settings = {
        "system": system.name, "versions": versions, "model": options.model, "window": options.window,
        "time_limit": options.time_limit, "max_tokens": options.max_tokens, "extra": options.extra,
    }  # fmt: skip
    if options.without:
        settings["without"] = sorted(options.without)
    if not _same_settings(out / "settings.json", settings):
        print(f"{out} holds a run with other settings: choose another --label", file=sys.stderr)
        return 2
    for task in _tasks(options):
        file = out / f"{task.name}.json"
        if file.exists():
            continue
        record = _run(system, task, out / task.name, options, bin_directory)
        file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        verdict = "SOLVED" if record["solved"] else "no"
        print(
            f"{task.name}: {verdict}, {record['generated']} tokens, {record['seconds']} s, {record['status']}, "
            f"{record['tokens_per_second']} tokens/s",
            flush=True,
        )
    print(text_of([out]))
    return 0


def _run(
    system: System, task: Task, record: Path, options: argparse.Namespace, bin_directory: Path
) -> dict[str, object]:
    """One task from a fresh repository to its score."""
    shutil.rmtree(record, ignore_errors=True)
    work = record / "work"
    repo, home = work / "repo", work / "home"
    repo.mkdir(parents=True)
    home.mkdir()
    needed = task.prepare(repo)
    (home / ".gitconfig").write_text("[user]\n\tname = Somebody\n\temail = somebody@localhost\n", encoding="utf-8")
    environment = clean_environment(bin_directory, home) | needed | system.environment(home)
    begun = time.monotonic()
    with Proxy(options.base_url, options.max_tokens, record / "wire.jsonl") as proxy:
        meter = proxy.meter
        jail = Jail(
            work.resolve(), environment, begun + options.time_limit,
            lambda: not system.stops_itself and meter.refused > 0, tuple(options.readable),
        )  # fmt: skip
        job = Job(
            task, repo.resolve(), home.resolve(), record.resolve(), jail, proxy.base_url, options.model,
            options.window, lambda: meter.left,
        )  # fmt: skip
        told = system.work(job)
    seconds = time.monotonic() - begun
    figures = {key: value for key, value in meter.figures().items() if key not in {"timed_tokens", "generating_ms"}}
    entry = {
        "name": task.name, "system": system.name, "solved": task.score(repo), "seconds": round(seconds, 1), **figures,
        "status": told.pop("status", ""), "told": told,
    }  # fmt: skip
    shutil.copytree(repo, record / "left", ignore=shutil.ignore_patterns(".git", "__pycache__", ".pytest_cache"))
    if not options.keep:
        shutil.rmtree(work)
    return entry


def _tasks(options: argparse.Namespace) -> Iterator[Task]:
    chosen: list[Iterator[Task]] = []
    for file in options.functions:
        chosen.append(_part(functions(file), options.functions_from, options.first))
    if options.quixbugs:
        chosen.append(
            _part(quixbugs(options.quixbugs, options.checkout), options.programs_from, options.first_programs)
        )
    if options.repositories:
        from .repositories import repositories

        chosen.append(
            _part(
                repositories(options.repositories, options.checkouts),
                options.repositories_from,
                options.first_repositories,
            )
        )
    wanted = set(options.only)
    return (task for task in itertools.chain(*chosen) if not wanted or task.name in wanted)


def _part(tasks: Iterator[Task], begin: int, count: int | None) -> Iterator[Task]:
    return itertools.islice(tasks, begin, None if count is None else begin + count)


def _system(options: argparse.Namespace) -> System:
    if options.system == "swe-agent":
        return Ours(options.product.resolve(), tuple(options.extra), tuple(options.without))
    if options.system == "mini-swe-agent":
        return Mini(options.variant or Mini.variant)
    return Aider(options.variant or Aider.variant)


def _same_settings(file: Path, settings: dict[str, object]) -> bool:
    """Whether the settings kept there are these; kept where there are none."""
    if file.exists():
        kept: object = json.loads(file.read_text(encoding="utf-8"))
        return kept == settings
    file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add(
        "--functions",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="HumanEvalPack's columns; repeatable",
    )
    add("--first", type=int, metavar="N", help="only the first N of each file")
    add("--functions-from", type=int, default=0, metavar="N", help="leave out N before those")
    add("--quixbugs", type=Path, metavar="LIST", help="a file with names of QuixBugs' programs")
    add("--checkout", type=Path, metavar="DIR", help="a clone of QuixBugs")
    add("--first-programs", type=int, metavar="N", help="only the first N of the list")
    add("--programs-from", type=int, default=0, metavar="N", help="leave out N before those")
    add("--repositories", type=Path, metavar="FILE", help="SWE-bench's columns")
    add("--checkouts", type=Path, metavar="DIR", help="clones of their repositories")
    add("--repositories-from", type=int, default=0, metavar="N", help="leave out N before those")
    add("--first-repositories", type=int, metavar="N", help="only the first N")
    add("--only", action="append", default=[], metavar="NAME", help="only this task; repeatable")
    add("--system", choices=["swe-agent", "mini-swe-agent", "aider"], required=True)
    add("--variant", default="", help="mini-swe-agent: text, text+plain, tools; aider: whole, diff, whole+history")
    add("--base-url", required=True, metavar="URL", help="of the server, with /v1")
    add("--model", required=True, metavar="NAME", help="as the server calls it")
    add("--window", type=int, default=16384, metavar="N", help="the server's context window, for systems that are told")
    add("--time-limit", type=float, default=300.0, metavar="S", help="seconds a task")
    add("--max-tokens", type=int, default=6000, metavar="N", help="generated tokens a task")
    add("--out", type=Path, required=True, metavar="DIR", help="where records go: DIR/LABEL/TASK.json")
    add("--label", default="", help="the name of this run (default: the system's)")
    add("--cache", type=Path, default=Path.home() / ".cache" / "swe-agent-benchmarks", metavar="DIR",
        help="where environments are made")  # fmt: skip
    add("--product", type=Path, default=ROOT, metavar="DIR", help="another checkout of swe-agent than this")
    add("--without", action="append", default=[], choices=[field.name for field in fields(GuidedRules)],
        help="leave this rule of the guided strategy out; repeatable")  # fmt: skip
    add("--readable", type=Path, action="append", default=[], metavar="DIR", help="below /tmp, may be read")
    add("--keep", action="store_true", help="keep each task's repository and home")
    add("--extra", nargs=argparse.REMAINDER, default=[], help="the rest goes to `swe-agent fix`; last option")
    options = parser.parse_args()
    options.label = options.label or options.system
    options.readable.append(options.product.resolve())
    if options.quixbugs and not options.checkout:
        parser.error("--quixbugs needs --checkout")
    if options.repositories and not options.checkouts:
        parser.error("--repositories needs --checkouts")
    return options


if __name__ == "__main__":
    sys.exit(main())
