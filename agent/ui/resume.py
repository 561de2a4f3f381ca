"""Resumes a session for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.app.tasks import last_resumable, resume_task
from agent.ui.fix import run_task, write_error
from agent.ui.terminal import Terminal


def run_resume(session_id: str | None, options: Mapping[str, Any], *, json_lines: bool) -> int:
    """Resume a session, without an id the latest that can be, and return the exit code. Raises `SweAgentError`s."""
    from rich.console import Console

    terminal = Terminal(Console(stderr=True, soft_wrap=True))
    try:
        session_id = session_id or last_resumable(on_skipped=terminal.report)
        return run_task(resume_task(session_id, options), terminal, json_lines=json_lines)
    except Exception as error:
        if json_lines:
            write_error(error, session_id or "")
        raise
