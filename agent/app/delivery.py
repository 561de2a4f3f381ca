"""Delivers the patch of a session to a file, the work tree or a branch: at its end, or later by its id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.app.commit_message import commit_message
from agent.config import Settings
from agent.errors import RepositoryUnreadable, SourceError, SweAgentError, UsageError
from agent.files import may_write, write_atomically
from agent.forge.issue import Issue
from agent.loop import Outcome
from agent.repo.host import HostRepository
from agent.repo.patch_policy import CheckedPatch
from agent.session.directories import JOURNAL, find_session
from agent.session.events import Result, SessionStarted
from agent.session.journal import load
from agent.session.latest_patch import find_latest_patch
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


@dataclass(frozen=True)
class Deliverable:
    """A session's change, and what its commit says of it; `result` is None where the session did not end."""

    session_id: str
    issue: Issue
    repository: HostRepository
    patch: CheckedPatch
    result: Result | None
    origin: str = ""

    def apply(self) -> Delivery:
        """Apply it to the work tree, all or nothing. Raises `PatchRejected`."""
        with deliverable_later(self.session_id):
            self.repository.apply(self.patch)
        return Delivery(applied=True)

    def commit(self, branch: str = "") -> Delivery:
        """Commit it to a new branch. Raises `PatchRejected`, `RepositoryUnreadable`."""
        with deliverable_later(self.session_id):
            name, commit = self.repository.commit_to_branch(
                self.patch, branch or branch_name(self.session_id), self._message()
            )
        return Delivery(branch=name, commit=commit)

    def write(self, path: Path) -> Delivery:
        """Write it to a file. Raises `UsageError`."""
        with deliverable_later(self.session_id):
            write_patch(self.patch, path)
        return Delivery(file=path)

    def _message(self) -> str:
        result = self.result
        return commit_message(
            self.issue.title or self.issue.body.split("\n", 1)[0],
            result.summary if result else "",
            self.issue.source,
            verified=result is not None and result.status == "fixed",
            command=result.verification.command if result and result.verification else "",
        )


def branch_name(session_id: str) -> str:
    """The branch that a session's change is committed to, if there is none of that name."""
    return f"swe-agent/{session_id}"


def delivery_failed(error: Exception, session_id: str) -> SweAgentError:
    """The error for one that nobody foresaw while a change was delivered: standard output that is closed, or full."""
    what = (
        f"the patch can't be written: {error.strerror}" if isinstance(error, OSError) else f"internal error: {error!r}"
    )
    return SweAgentError(what, hint=_later(session_id))


def _later(session_id: str) -> str:
    return f"the change is kept: `swe-agent sessions apply|branch|patch {session_id}` delivers it later"


@contextmanager
def deliverable_later(session_id: str) -> Iterator[None]:
    """An error of delivery also says how the change is delivered later."""
    try:
        yield
    except (SourceError, UsageError) as error:
        later = _later(session_id)
        hint = f"{error.hint}; {later}" if error.hint and error.hint != error.default_hint else later
        raise type(error)(error.message, hint=hint) from error


def check_delivery(task: Task) -> None:
    """Try before the work what delivering its change would fail at. Raises `UsageError`, `SourceError`s."""
    settings = task.settings
    if settings.patch_file is not None:
        _check_file(settings.patch_file)
    if settings.output == "apply":
        task.repository.check_writable(work_tree=True)
        if task.repository.is_dirty():
            raise RepositoryUnreadable(
                f"{task.repository.directory} has changes that are not committed, which the patch may not fit",
                hint="commit or stash them, or use --output branch or patch",
            )
    elif settings.output == "branch":
        task.repository.check_writable(work_tree=False)
        task.repository.free_branch(branch_name(task.session_id))


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} can't be written: it is a directory")
    if not path.exists() and not path.parent.is_dir():
        raise UsageError(f"{path} can't be written: there is no directory {path.parent}")
    place = path if path.exists() else path.parent
    if not may_write(place):
        raise UsageError(f"{path} can't be written: no permission to write to {place}")


def deliver(outcome: Outcome, task: Task) -> Delivery:
    """Put the patch where the task's settings say; nothing where there is no patch.

    A patch reaches the work tree or a branch only from a session that came to an end of its own (`fixed` or
    `unverified`). Raises `PatchRejected`, `UsageError`, which name the command that delivers it later.
    """
    settings, patch = task.settings, outcome.patch
    if not patch.data:
        return Delivery()
    change = Deliverable(task.session_id, task.issue, task.repository, patch, outcome.result)
    if settings.patch_file is not None:
        change.write(settings.patch_file)
    if settings.output == "patch":
        return Delivery(file=settings.patch_file) if settings.patch_file else Delivery(unwritten=patch.data)
    if outcome.result.status not in {"fixed", "unverified"}:
        return Delivery(file=settings.patch_file)
    if settings.output == "apply":
        change.apply()
        return Delivery(file=settings.patch_file, applied=True)
    made = change.commit()
    return Delivery(file=settings.patch_file, branch=made.branch, commit=made.commit)


def find_deliverable(name: str, repository: Path | None = None) -> Deliverable:
    """The change of the session that `name` means, held to the rules once more; for `repository` where that has moved.

    Raises `UsageError` for an unknown session, `JournalError`s, `SourceError`s, and `SweAgentError` where there is no
    change.
    """
    directory = find_session(name)
    events, _ = load(directory / JOURNAL)
    latest = find_latest_patch(directory)
    started = events[0] if events else None
    if not isinstance(started, SessionStarted) or not latest.patch:
        raise SweAgentError(
            f"the session {directory.name} has no change", hint=f"`swe-agent sessions show {directory.name}` tells why"
        )
    known = {key: value for key, value in started.settings.items() if key in {"allow_path", "allow_workflows"}}
    host = HostRepository.open(repository or Path(started.repository), started.base_commit)
    last = events[-1]
    return Deliverable(
        started.session_id,
        Issue(started.issue_title, started.issue_body, started.issue_source, started.issue_repository),
        host,
        host.check(latest.patch, allowed=Settings.model_validate(known).allowed_paths),
        last if isinstance(last, Result) else None,
        latest.origin,
    )


def write_patch(patch: CheckedPatch, path: Path) -> None:
    """Write the patch's bytes to a file. Raises `UsageError` where it can't be written."""
    try:
        if path.exists():  # it may be a pipe or a link, which stays one
            path.write_bytes(patch.data)
        else:
            write_atomically(path, patch.data)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
