"""Runs a session for the command line: events are shown as they come, the patch is delivered at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import anyio

from agent.app.delivery import Delivery, check_delivery, deliver, delivery_failed
from agent.app.interrupts import EXIT_CODE as INTERRUPTED
from agent.app.interrupts import interruptible
from agent.app.tasks import create_task
from agent.errors import SweAgentError
from agent.loop import Outcome, run_session
from agent.redaction import mask_addresses
from agent.session.directories import new_session_id
from agent.session.events import Result
from agent.session.session import only_journalled
from agent.task import Task
from agent.ui.errors import print_error, say
from agent.ui.json_lines import JsonLines
from agent.ui.patches import print_patch
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
    except Exception as error:
        if json_lines:
            write_error(error, session_id)
        raise


def run_task(task: Task, terminal: Terminal, *, json_lines: bool) -> int:
    """Run a session, deliver its patch and return the exit code.

    Raises `SweAgentError`s for what went wrong before there was a result.
    """
    check_delivery(task)
    lines = JsonLines(hold_result=True) if json_lines else None
    outcome = anyio.run(interruptible, partial(run_session, with_subscribers(task, terminal, lines)))
    if outcome is None:
        if lines:
            ended = Result(status="interrupted", exit_code=INTERRUPTED, session_id=task.session_id, patch="")
            lines.write(lines.result or ended)
        return INTERRUPTED
    return _finish(outcome, task, lines)


def _finish(outcome: Outcome, task: Task, lines: JsonLines | None) -> int:
    """Deliver a session's patch, write its one result, and return the exit code."""
    result = (lines.result if lines else None) or outcome.result
    error: SweAgentError | None = None
    delivery = Delivery()
    try:
        delivery = deliver(outcome, task)
        print_delivery(delivery, json_lines=lines is not None)
    except Exception as raised:  # whatever it is, there is a result line, and the patch is in it
        error = raised if isinstance(raised, SweAgentError) else delivery_failed(raised, task.session_id)
        told = {"status": "error", "exit_code": error.exit_code, "error": mask_addresses(str(error))}
        result = result.model_copy(update=told)
    result = result.model_copy(update={"branch": delivery.branch or None, "commit": delivery.commit or None})
    if lines:
        lines.write(result)
    if error is not None:
        print_error(error)
    elif result.exit_code:
        if result.exit_code in {5, INTERRUPTED}:
            say(f"to continue: swe-agent resume {task.session_id}")
        say(result.error or result.status)
    return result.exit_code


def write_error(error: Exception, session_id: str) -> None:
    """Write the error that prevented a session as the result, the last of the JSON lines."""
    ours = isinstance(error, SweAgentError)
    told = mask_addresses(str(error) if ours else f"internal error: {error!r}")
    exit_code = error.exit_code if isinstance(error, SweAgentError) else 1
    JsonLines()(Result(status="error", exit_code=exit_code, session_id=session_id, patch="", error=told))


def with_subscribers(task: Task, terminal: Terminal, lines: JsonLines | None) -> Task:
    """The task with its subscribers: the terminal, and JSON lines if wanted."""
    return replace(task, subscribers=(terminal, only_journalled(lines)) if lines else (terminal,))


def print_delivery(delivery: Delivery, *, json_lines: bool = False) -> None:
    """Print the patch where no file was named for it, and say where else it was put."""
    if delivery.unwritten and not json_lines:
        print_patch(delivery.unwritten)
    if delivery.applied:
        say("the patch is applied to the work tree")
    if delivery.branch:
        say(f"commit {delivery.commit[:12]} on branch {delivery.branch}")
