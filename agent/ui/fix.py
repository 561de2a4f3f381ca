"""Runs a session for the command line: settings in, events shown, the patch put where it is wanted."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskStatus

from agent.config import Settings, load_settings
from agent.errors import SweAgentError, UsageError
from agent.forge.issue import Issue
from agent.forge.read import read_issue
from agent.loop import Outcome, run_session
from agent.repo.host import HostRepository
from agent.session.directories import new_session_id, session_directory
from agent.session.events import Result
from agent.session.session import only_journalled
from agent.task import Task
from agent.text import printable
from agent.ui.json_lines import JsonLines
from agent.ui.terminal import Terminal
from agent.user_directories import home


def run_fix(issue: str, repo: str | None, base: str, flags: Mapping[str, Any], *, json_lines: bool) -> int:
    """Fix an issue; the exit code. With `json_lines` the last line on standard output is always a result."""
    from rich.console import Console

    session_id = new_session_id()
    terminal = Terminal(Console(stderr=True, soft_wrap=True))
    try:
        task, warnings = make_task(session_id, issue, repo, base, flags)
        for warning in warnings:
            terminal.progress(warning)
        return run_task(task, terminal, json_lines=json_lines)
    except SweAgentError as error:
        if json_lines:
            tell_error(error, session_id)
        raise


def run_task(task: Task, terminal: Terminal, *, json_lines: bool) -> int:
    """Run a session and put its patch where it is wanted; the exit code. Raises `SweAgentError`s."""
    task = watched(task, terminal, json_lines=json_lines)
    outcome = anyio.run(run_interruptibly, task)
    deliver(outcome, task, json_lines=json_lines)
    result = outcome.result
    if result.exit_code:
        if result.exit_code in {5, 130}:
            sys.stderr.write(f"swe-agent: to go on: swe-agent resume {task.session_id}\n")
        sys.stderr.write(f"swe-agent: {printable(result.error or result.status)}\n")
    return result.exit_code


def tell_error(error: SweAgentError, session_id: str) -> None:
    """What prevented a session, as the last of the JSON lines."""
    JsonLines()(Result(status="error", exit_code=error.exit_code, session_id=session_id, patch="", error=str(error)))


def make_task(
    session_id: str, issue: str, repo: str | None, base: str, flags: Mapping[str, Any]
) -> tuple[Task, list[str]]:
    """The task of a command line, and warnings. Raises `UsageError` and `SourceError`s."""
    load_settings(flags)  # wrong usage is told before anything is fetched
    found = read_issue(issue)
    repository = HostRepository.open(_repository_place(repo, found), base)
    project = (repository.read_file(".swe-agent.toml") or b"").decode("utf-8", "replace")
    settings, _, warnings = load_settings(flags, project)
    if repository.is_dirty():
        warnings.append("the work tree has changes that are not committed; the agent works on the commit without them")
    return Task(session_id, session_directory(session_id), found, repository, settings), warnings


def _repository_place(repo: str | None, issue: Issue) -> Path:
    if repo is None and issue.repository:
        repo = f"https://github.com/{issue.repository}"
    if repo is None:
        return Path.cwd()
    if re.match(r"^(https?|ssh|git|file)://|^[\w.-]+@[\w.-]+:", repo):
        from agent.repo.clone import clone

        return clone(repo, home() / "repositories")
    return Path(repo)


def watched(task: Task, terminal: Terminal, *, json_lines: bool) -> Task:
    """The task with its subscribers: the terminal, and JSON lines if wanted."""
    return replace(task, subscribers=(terminal, only_journalled(JsonLines())) if json_lines else (terminal,))


async def run_interruptibly(task: Task) -> Outcome:
    """Run a session; the first SIGINT, SIGTERM or SIGHUP ends it in good order, the second at once."""
    outcomes: list[Outcome] = []
    errors: list[SweAgentError] = []
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def watch(task_status: TaskStatus[anyio.CancelScope]) -> None:
                # shielded: a second signal must be heard while the session is ending
                with anyio.CancelScope(shield=True) as own, _signals() as signals:
                    task_status.started(own)
                    async for _ in signals:
                        if scope.cancel_called:
                            os._exit(130)  # asked twice: the journal is on disk, nothing else is waited for
                        scope.cancel()

            watching = await group.start(watch)
            try:
                outcomes.append(await run_session(task))
            except SweAgentError as error:  # a task group would wrap it
                errors.append(error)
            finally:
                watching.cancel()
    if errors:
        raise errors[0]
    return outcomes[0]


def _signals() -> AbstractContextManager[AsyncIterator[signal.Signals]]:
    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        wanted.append(signal.SIGHUP)
    return anyio.open_signal_receiver(*wanted)


def deliver(outcome: Outcome, task: Task, *, json_lines: bool) -> None:
    """Put the patch where the settings say. Raises `PatchRejected`, `UsageError`."""
    settings, patch = task.settings, outcome.patch
    if not patch.data:
        return
    if settings.patch_file is not None:
        try:
            settings.patch_file.write_bytes(patch.data)
        except OSError as error:
            raise UsageError(f"{settings.patch_file} can't be written: {error.strerror}") from error
    elif settings.output == "patch" and not json_lines:
        sys.stdout.buffer.write(patch.data)
        sys.stdout.buffer.flush()
    if settings.output == "patch" or outcome.result.status not in {"fixed", "unverified"}:
        return
    _change_repository(outcome, task, settings)


def _change_repository(outcome: Outcome, task: Task, settings: Settings) -> None:
    if settings.output == "apply":
        task.repository.apply(outcome.patch)
        sys.stderr.write("swe-agent: the patch is applied to the work tree\n")
        return
    title = task.issue.title or task.issue.body.split("\n", 1)[0]
    verified = "verified by" if outcome.result.status == "fixed" else "not verified by"
    command = outcome.result.verification.command if outcome.result.verification else "any test"
    message = f"Fix: {title[:100]}\n\n{outcome.result.summary}\n\nIssue: {task.issue.source}\n{verified}: {command}\n"
    branch = f"swe-agent/{task.session_id}"
    commit = task.repository.commit_to_branch(outcome.patch, branch, message)
    sys.stderr.write(f"swe-agent: commit {commit[:12]} on branch {branch}\n")
