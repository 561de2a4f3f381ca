"""The demonstration: the bundled example's issue fixed with the bundled runtime, then checked by held-out tests."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agent.app.example import EXAMPLE, find_example, run_held_out_tests
from agent.app.interrupts import EXIT_CODE as INTERRUPTED
from agent.app.interrupts import interruptible
from agent.app.tasks import create_task
from agent.loop import run_session
from agent.session.directories import new_session_id
from agent.ui.errors import say
from agent.ui.fix import with_subscribers
from agent.ui.json_lines import JsonLines
from agent.ui.patches import print_patch
from agent.ui.terminal import Terminal


def run_demo(options: Mapping[str, Any], *, json_lines: bool) -> int:
    """Fix the example's issue and return the exit code: 0 when it is fixed and the held-out tests pass."""
    from rich.console import Console

    example = find_example()
    console = Console(stderr=True, soft_wrap=True)
    terminal = Terminal(console)
    with tempfile.TemporaryDirectory(prefix="swe-agent-demo-") as scratch:
        repository = Path(scratch) / EXAMPLE
        example.make_repository(repository)
        task, _ = create_task(new_session_id(), str(example.issue), str(repository), "HEAD", options)
        # the demonstration shows the bundled runtime, whatever backend the user has configured
        settings = task.settings.model_copy(update={"base_url": None, "api_key": None, "keep_workspace": False})
        lines = JsonLines() if json_lines else None
        task = with_subscribers(replace(task, settings=settings), terminal, lines)
        if not json_lines:
            console.out(example.issue.read_text(encoding="utf-8"), style="dim", highlight=False)
        outcome = anyio.run(interruptible, partial(run_session, task))
        if outcome is None:
            return INTERRUPTED
        if outcome.result.status != "fixed":
            say(outcome.result.error or outcome.result.status)
            return outcome.result.exit_code
        if not json_lines:
            print_patch(outcome.patch.data)
        before, after = anyio.run(run_held_out_tests, task, outcome.patch, example.held_out_tests())
    terminal.report("the example's held-out tests, which the model never saw:")
    terminal(before)
    terminal(after)
    if not after.passed:
        say("the held-out tests do not pass")
        return 1
    return 0
