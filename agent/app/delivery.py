"""Delivers the patch of a session: to a file, the work tree or a branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageError
from agent.loop import Outcome
from agent.repo.patch_policy import CheckedPatch
from agent.session.events import Result
from agent.task import Task


@dataclass(frozen=True)
class Delivery:
    """Where a patch was put.

    `unwritten` holds the patch's bytes where `--output patch` named no file: the caller prints them. `branch` and
    `commit` (a full hash) stand together.
    """

    unwritten: bytes = b""
    file: Path | None = None
    applied: bool = False
    branch: str = ""
    commit: str = ""


def deliver(outcome: Outcome, task: Task) -> Delivery:
    """Put the patch where the task's settings say; nothing where there is no patch.

    A patch reaches the work tree or a branch only from a session that came to an end of its own (`fixed` or
    `unverified`). Raises `PatchRejected`, `UsageError`.
    """
    settings, patch = task.settings, outcome.patch
    if not patch.data:
        return Delivery()
    if settings.patch_file is not None:
        write_patch(patch, settings.patch_file)
    if settings.output == "patch":
        return Delivery(file=settings.patch_file) if settings.patch_file else Delivery(unwritten=patch.data)
    if outcome.result.status not in {"fixed", "unverified"}:
        return Delivery(file=settings.patch_file)
    if settings.output == "apply":
        task.repository.apply(patch)
        return Delivery(file=settings.patch_file, applied=True)
    branch = f"swe-agent/{task.session_id}"
    commit = task.repository.commit_to_branch(patch, branch, commit_message(task, outcome.result))
    return Delivery(file=settings.patch_file, branch=branch, commit=commit)


def write_patch(patch: CheckedPatch, path: Path) -> None:
    """Write the patch's bytes to a file. Raises `UsageError` where it can't be written."""
    try:
        path.write_bytes(patch.data)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error


def commit_message(task: Task, result: Result) -> str:
    """The message of the commit on a branch: the issue's title, the summary, and what verified the patch."""
    title = task.issue.title or task.issue.body.split("\n", 1)[0]
    verified = "verified by" if result.status == "fixed" else "not verified by"
    command = result.verification.command if result.verification else "any test"
    return f"Fix: {title[:100]}\n\n{result.summary}\n\nIssue: {task.issue.source}\n{verified}: {command}\n"
