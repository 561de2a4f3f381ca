"""Makes the task of a session: a new one from options, or one to resume from its journal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import Settings, load_settings
from agent.errors import JournalError, UsageError
from agent.files import is_locked
from agent.forge.issue import Issue
from agent.forge.read import read_issue
from agent.redaction import MASKED, know_url
from agent.repo.host import HostRepository
from agent.session.directories import JOURNAL, session_directories, session_directory
from agent.session.events import SessionStarted
from agent.session.journal import load
from agent.session.state import State
from agent.task import Task
from agent.user_directories import home

_URL = re.compile(r"^(https?|ssh|git|file)://|^[\w.-]+@[\w.-]+:")


def create_task(
    session_id: str, issue: str, repo: str | None, base: str, options: Mapping[str, Any]
) -> tuple[Task, list[str]]:
    """The task of a new session, and warnings for the user.

    `issue`, `repo` and `base` are those of `swe-agent fix`; `options` are settings by name, None where not given.
    Raises `UsageError`, `SourceError`s.
    """
    load_settings(options)  # wrong usage is reported before anything is fetched
    found = read_issue(issue)
    repository = HostRepository.open(_repository_path(repo, found), base)
    project = (repository.read_file(".swe-agent.toml") or b"").decode("utf-8", "replace")
    settings, _, warnings = load_settings(options, project)
    if repository.is_dirty():
        warnings.append("the work tree has changes that are not committed; the agent works on the commit without them")
    task = Task(session_id, session_directory(session_id), found, repository, settings)
    if task.allowed_hosts is not None and settings.network == "none":  # its patterns are checked here, too
        warnings.append("no host is reached with --network none; --allow-host has no effect")
    return task, warnings


def _repository_path(repo: str | None, issue: Issue) -> Path:
    """The directory of the repository, cloned first where `repo` or the issue names a remote one."""
    if repo is None and issue.repository:
        repo = f"https://github.com/{issue.repository}"
    if repo is None:
        return Path.cwd()
    if _URL.match(repo):
        from agent.repo.clone import clone

        know_url(repo)
        return clone(repo, home() / "repositories")
    return Path(repo)


def last_resumable(on_skipped: Callable[[str], None]) -> str:
    """The id of the latest session that is not finished and that no process is working on.

    `on_skipped` gets a line for each session whose journal can't be read. Raises `UsageError` where there is none.
    """
    for directory in session_directories():
        journal = directory / JOURNAL
        if not journal.is_file() or is_locked(journal):
            continue
        try:
            state = _state(journal)
        except JournalError as error:
            on_skipped(f"{directory.name} is left out: {error.message}")
            continue
        if state.started is not None and not state.finished:
            return directory.name
    raise UsageError("there is no session to resume", hint="`swe-agent sessions list` shows all")


def resume_task(session_id: str, options: Mapping[str, Any]) -> Task:
    """The task of an existing session, from its journal; `options` that are given override its settings.

    Raises `UsageError`, `JournalDamaged`, `RepositoryUnreadable`.
    """
    directory = session_directory(session_id)
    journal = directory / JOURNAL
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
        _resumed_settings(started, options),
    )


def _resumed_settings(started: SessionStarted, options: Mapping[str, Any]) -> Settings:
    """The settings the session was started with, overridden by `options`.

    The API key, and an address with a password in it, are not in the journal; they are configured, or given again.
    """
    configured, _, _ = load_settings(options)
    given = {name: getattr(configured, name) for name, value in options.items() if value is not None}
    known = {name: value for name, value in started.settings.items() if name in Settings.model_fields}
    if MASKED in str(known.get("base_url")) and "base_url" not in given:
        if configured.base_url is None:
            raise UsageError("the model server's address has a password, which is not stored", hint="give --base-url")
        known["base_url"] = configured.base_url
    try:
        return Settings.model_validate({**known, "api_key": configured.api_key, **given})
    except ValidationError as error:
        raise UsageError(f"the session's settings are not valid: {error.errors()[0]['msg']}") from error


def _state(journal: Path) -> State:
    state = State()
    for event in load(journal)[0]:
        state.add(event)
    return state
