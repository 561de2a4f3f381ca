"""The progress of a benchmark run: lines where nobody sees a live table, the table where somebody does."""

from __future__ import annotations

import io
import json

from rich.console import Console

from agent.bench.events import BenchEvent, Notice, TaskBegan, TaskFinished, TaskPrevented
from agent.bench.results import TaskFailure, TaskResult
from agent.model.types import Usage
from agent.ui.bench.json_lines import BenchJsonLines
from agent.ui.bench.progress import BenchTerminal

SOLVED = TaskResult(
    instance_id="a", status="fixed", solved=True, exit_code=0, seconds=65.0,
    usage=Usage(prompt_tokens=1200, completion_tokens=34),
)  # fmt: skip
UNSOLVED = TaskResult(instance_id="b", status="unverified", solved=False, exit_code=1, reason="still failing: t")
PREVENTED = TaskFailure(instance_id="c", reason="no \x1b[31mserver[/]", exit_code=3)
EVENTS: list[BenchEvent] = [
    Notice("3 tasks"),
    TaskBegan("a"),
    TaskFinished(SOLVED),
    TaskBegan("b"),
    TaskFinished(UNSOLVED),
    TaskBegan("c"),
    TaskPrevented(PREVENTED),
]


def test_lines_count_what_earlier_runs_have_done() -> None:
    file = io.StringIO()
    terminal = BenchTerminal(Console(file=file), tasks=4, earlier=[SOLVED])
    with terminal:
        for event in EVENTS:
            terminal(event)
    assert file.getvalue().splitlines() == [
        "swe-agent: 3 tasks",
        "[1/4] a: begins",
        "[2/4] a: solved (fixed) 1,234 tokens, 1:05",
        "[2/4] b: begins",
        "[3/4] b: not solved (unverified) 0 tokens, 0:00: still failing: t",
        "[3/4] c: begins",
        "[4/4] c: not run: no server[/]",
    ]


def test_on_a_terminal_a_live_table_takes_the_place_of_lines() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with BenchTerminal(console, tasks=4, earlier=[SOLVED]) as terminal:
        for event in EVENTS[:-2]:
            terminal(event)
        terminal(TaskBegan("d"))
    shown = file.getvalue()
    assert "begins" not in shown
    assert "3 of 4 finished, 2 solved" in shown
    assert "running" in shown and "not solved" in shown


def test_json_lines_have_the_ends_of_tasks_only() -> None:
    out = io.StringIO()
    write = BenchJsonLines(out)
    for event in EVENTS:
        write(event)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["kind"], line["instance_id"]) for line in lines] == [("task", "a"), ("task", "b"), ("failure", "c")]
    assert lines[0]["usage"]["prompt_tokens"] == 1200
    assert lines[2]["reason"] == PREVENTED.reason
