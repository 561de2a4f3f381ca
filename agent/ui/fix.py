"""Runs a session for the command line: events are shown as they come, the patch is delivered at the end."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import anyio

from agent.app.delivery import Delivery, deliver
from agent.app.interrupts import EXIT_CODE as INTERRUPTED
from agent.app.interrupts import interruptible
from agent.app.tasks import create_task
from agent.errors import SweAgentError
from agent.loop import run_session
from agent.session.directories import new_session_id
from agent.session.events import Result
from agent.session.session import only_journalled
from agent.task import Task
from agent.text import printable
from agent.ui.json_lines import JsonLines
from agent.ui.terminal import Terminal


def run_fix(issue: str, repo: str | None, base: str, options: Mapping[str, Any], *, json_lines: bool) -> int:
    """Fix an issue and return the exit code. With `json_lines` the last line on standard output is always a result."""
    from rich.console import Console

    session_id = new_session_id()
    terminal = Terminal(Console(stderr=True, soft_wrap=True))
    try:
        task, warnings = create_task(session_id, issue, repo, base, options)
        for warning in warnings:
            terminal.report(warning)
        return run_task(task, terminal, json_lines=json_lines)
    except SweAgentError as error:
        if json_lines:
            write_error(error, session_id)
        raise


def run_task(task: Task, terminal: Terminal, *, json_lines: bool) -> int:
    """Run a session, deliver its patch and return the exit code. Raises `SweAgentError`s."""
    task = with_subscribers(task, terminal, json_lines=json_lines)
    outcome = anyio.run(interruptible, partial(run_session, task))
    if outcome is None:
        return INTERRUPTED
    print_delivery(deliver(outcome, task), json_lines=json_lines)
    result = outcome.result
    if result.exit_code:
        if result.exit_code in {5, INTERRUPTED}:
            sys.stderr.write(f"swe-agent: to continue: swe-agent resume {task.session_id}\n")
        sys.stderr.write(f"swe-agent: {printable(result.error or result.status)}\n")
    return result.exit_code


def write_error(error: SweAgentError, session_id: str) -> None:
    """Write the error that prevented a session as the result, the last of the JSON lines."""
    JsonLines()(Result(status="error", exit_code=error.exit_code, session_id=session_id, patch="", error=str(error)))


def with_subscribers(task: Task, terminal: Terminal, *, json_lines: bool) -> Task:
    """The task with its subscribers: the terminal, and JSON lines if wanted."""
    return replace(task, subscribers=(terminal, only_journalled(JsonLines())) if json_lines else (terminal,))


def print_delivery(delivery: Delivery, *, json_lines: bool) -> None:
    """Print the patch where no file was named for it, and say where else it was put."""
    if delivery.unwritten and not json_lines:
        sys.stdout.buffer.write(delivery.unwritten)
        sys.stdout.buffer.flush()
    if delivery.applied:
        sys.stderr.write("swe-agent: the patch is applied to the work tree\n")
    if delivery.branch:
        sys.stderr.write(f"swe-agent: commit {delivery.commit[:12]} on branch {delivery.branch}\n")
