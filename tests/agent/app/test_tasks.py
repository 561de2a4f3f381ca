"""The task of a new session, and of one to resume."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import CALC, git, make_repository

from agent.app.tasks import create_task, last_resumable, resume_task
from agent.errors import IssueUnreadable, RepositoryUnreadable, UsageError
from agent.session.events import Event, Result, SessionStarted
from agent.session.journal import Journal

FIRST, SECOND, THIRD = "20260131-142501-aaaa", "20260131-142502-bbbb", "20260131-142503-cccc"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("SWE_AGENT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "home"


@pytest.fixture
def issue(tmp_path: Path) -> str:
    path = tmp_path / "issue.md"
    path.write_text("# add gives wrong sums\n\n`add(2, 3)` gives -1.\n")
    return str(path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", CALC)


def started(session_id: str, repository: Path, **settings: object) -> SessionStarted:
    return SessionStarted(
        session_id=session_id, version="0", issue_title="add", issue_body="It subtracts.", issue_source="issue.md",
        repository=str(repository), base_commit=git(repository, "rev-parse", "HEAD").strip(), strategy="agent",
        settings=settings,
    )  # fmt: skip


def result(session_id: str, status: str) -> Event:
    return Result.model_validate({"status": status, "exit_code": 0, "session_id": session_id, "patch": ""})


def write_session(home: Path, session_id: str, *events: Event) -> Path:
    directory = home / "sessions" / session_id
    directory.mkdir(parents=True)
    with Journal(directory / "journal.jsonl") as journal:
        journal.append(*events)
    return directory


# ---------------------------------------------------------------- a new session


def test_the_options_go_before_the_projects_file(home: Path, issue: str, repository: Path) -> None:
    (repository / ".swe-agent.toml").write_text('test = "make check"\nmax_steps = 7\n')
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "settings")
    task, warnings = create_task(FIRST, issue, str(repository), "HEAD", {"max_steps": 9, "model": None})
    assert (task.settings.test, task.settings.max_steps, warnings) == ("make check", 9, [])
    assert (task.issue.title, task.directory) == ("add gives wrong sums", home / "sessions" / FIRST)
    assert task.repository.commit == git(repository, "rev-parse", "HEAD").strip()


def test_a_base_and_a_url_are_resolved(home: Path, issue: str, repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    task, _ = create_task(FIRST, issue, repository.as_uri(), "HEAD~1", {})
    assert task.repository.commit == git(repository, "rev-parse", "HEAD~1").strip()
    assert task.repository.directory.is_relative_to(home / "repositories")


def test_the_current_directory_is_the_default(
    home: Path, issue: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    task, _ = create_task(FIRST, issue, None, "HEAD", {})
    assert task.repository.directory == repository


def test_uncommitted_changes_are_warned_of(home: Path, issue: str, repository: Path) -> None:
    (repository / "calc.py").write_text("changed\n")
    _, warnings = create_task(FIRST, issue, str(repository), "HEAD", {})
    assert warnings == ["the work tree has changes that are not committed; the agent works on the commit without them"]


def test_wrong_usage_is_reported_before_the_issue_is_read(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"max-steps \(flag\)"):
        create_task(FIRST, str(tmp_path / "missing.md"), None, "HEAD", {"max_steps": -1})


def test_what_cannot_be_read_is_refused(home: Path, issue: str, tmp_path: Path) -> None:
    with pytest.raises(IssueUnreadable):
        create_task(FIRST, str(tmp_path / "missing.md"), None, "HEAD", {})
    with pytest.raises(RepositoryUnreadable):
        create_task(FIRST, issue, str(tmp_path / "missing"), "HEAD", {})


# ---------------------------------------------------------------- resuming


def test_a_resumed_task_has_the_sessions_settings_and_the_given_options(home: Path, repository: Path) -> None:
    write_session(home, FIRST, started(FIRST, repository, max_steps=5, test="make check", gone_option=1))
    task = resume_task(FIRST, {"max_steps": 50, "api_key": "k", "context": None})
    assert (task.settings.max_steps, task.settings.test, task.settings.api_key) == (50, "make check", "k")
    assert (task.session_id, task.issue.body) == (FIRST, "It subtracts.")
    assert task.repository.directory == repository


def test_settings_of_the_journal_that_are_not_valid_are_refused(home: Path, repository: Path) -> None:
    write_session(home, FIRST, started(FIRST, repository, max_steps="many"))
    with pytest.raises(UsageError, match="the session's settings are not valid"):
        resume_task(FIRST, {})


def test_a_session_that_is_not_there_or_has_not_begun_is_refused(home: Path) -> None:
    with pytest.raises(UsageError, match="there is no session"):
        resume_task(FIRST, {})
    write_session(home, FIRST)
    with pytest.raises(UsageError, match="has not begun"):
        resume_task(FIRST, {})


def test_the_last_resumable_session_is_not_finished_damaged_or_in_use(home: Path, repository: Path) -> None:
    skipped: list[str] = []
    write_session(home, FIRST, started(FIRST, repository), result(FIRST, "budget"))
    write_session(home, SECOND, started(SECOND, repository), result(SECOND, "fixed"))
    assert last_resumable(skipped.append) == FIRST
    assert skipped == []
    with Journal(write_session(home, THIRD, started(THIRD, repository)) / "journal.jsonl"):
        assert last_resumable(skipped.append) == FIRST
    assert last_resumable(skipped.append) == THIRD
    journal = home / "sessions" / THIRD / "journal.jsonl"
    journal.write_bytes(b"no event\n" + journal.read_bytes())
    assert last_resumable(skipped.append) == FIRST
    (line,) = skipped
    assert line.startswith(f"{THIRD} is left out: ")


def test_without_a_resumable_session_there_is_nothing_to_resume(home: Path) -> None:
    with pytest.raises(UsageError, match="there is no session to resume"):
        last_resumable(lambda _: None)
