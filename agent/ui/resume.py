"""Goes on with a session for the command line: its task out of its journal, what was said anew on top."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import Settings, load_settings
from agent.errors import JournalError, SweAgentError, UsageError
from agent.files import is_locked
from agent.forge.issue import Issue
from agent.repo.host import HostRepository
from agent.session.directories import session_directory
from agent.session.events import SessionStarted
from agent.session.journal import load
from agent.session.state import State
from agent.task import Task
from agent.ui.fix import run_task, tell_error
from agent.ui.terminal import Terminal
from agent.user_directories import home


def run_resume(session_id: str | None, flags: Mapping[str, Any], *, json_lines: bool) -> int:
    """Go on with a session, the last one that can be without an id; the exit code. Raises `SweAgentError`s."""
    from rich.console import Console

    terminal = Terminal(Console(stderr=True, soft_wrap=True))
    try:
        session_id = session_id or last_resumable(terminal)
        return run_task(task_of(session_id, flags), terminal, json_lines=json_lines)
    except SweAgentError as error:
        if json_lines:
            tell_error(error, session_id or "")
        raise


def last_resumable(terminal: Terminal) -> str:
    """The latest session that can go on and that no process has. Raises `UsageError` where there is none."""
    root = home() / "sessions"
    for place in sorted(root.iterdir(), reverse=True) if root.is_dir() else []:
        journal = place / "journal.jsonl"
        if not journal.is_file() or is_locked(journal):
            continue
        try:
            state = _state(journal)
        except JournalError as error:
            terminal.progress(f"{place.name} is left out: {error.message}")
            continue
        if state.started is not None and not state.finished:
            return place.name
    raise UsageError("there is no session to resume", hint="`swe-agent sessions list` shows all")


def task_of(session_id: str, flags: Mapping[str, Any]) -> Task:
    """The task of a session, by its journal; flags that are given take the place of its settings.

    Raises `UsageError`, `JournalDamaged`, `RepositoryUnreadable`.
    """
    directory = session_directory(session_id)
    journal = directory / "journal.jsonl"
    if not journal.is_file():
        raise UsageError(f"there is no session {session_id}", hint="`swe-agent sessions list` shows them")
    started = _state(journal).started
    if started is None:
        raise UsageError(f"the session {session_id} has not begun", hint="start it again with `swe-agent fix`")
    return Task(
        session_id,
        directory,
        Issue(started.issue_title, started.issue_body, started.issue_source, started.issue_repository),
        HostRepository.open(Path(started.repository), started.base_commit),
        _settings(started, flags),
    )


def _settings(started: SessionStarted, flags: Mapping[str, Any]) -> Settings:
    """Those the session was started with, the given ones on top; its key is not in the journal."""
    configured, _, _ = load_settings(flags)
    given = {name: getattr(configured, name) for name, value in flags.items() if value is not None}
    known = {name: value for name, value in started.settings.items() if name in Settings.model_fields}
    try:
        return Settings.model_validate({**known, "api_key": configured.api_key, **given})
    except ValidationError as error:
        raise UsageError(f"the session's settings are not valid: {error.errors()[0]['msg']}") from error


def _state(journal: Path) -> State:
    state = State()
    for event in load(journal)[0]:
        state.add(event)
    return state
