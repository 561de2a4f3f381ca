"""Where the patch of a session is put, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CALC, git, make_repository

from agent.app.delivery import Delivery, check_delivery, deliver
from agent.config import Settings
from agent.errors import PatchRejected, RepositoryUnreadable, UsageError
from agent.forge.issue import Issue
from agent.loop import Outcome
from agent.repo.host import HostRepository
from agent.repo.patch_policy import CheckedPatch
from agent.session.events import Result, TestOutcome, Verification
from agent.task import Task

FIXED = CALC["calc.py"].replace("a - b", "a + b")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", CALC)


def task_of(repository: Path, **settings: object) -> Task:
    return Task(
        "20260131-142501-k3f9",
        repository.parent / "session",
        Issue("add gives wrong sums", "`add(2, 3)` gives -1.", "issue.md"),
        HostRepository.open(repository),
        Settings.model_validate(settings),
    )


def outcome_of(task: Task, status: str = "fixed") -> Outcome:
    """An outcome whose patch fixes `add`."""
    directory = task.repository.directory
    (directory / "calc.py").write_text(FIXED)
    patch = task.repository.check(git(directory, "diff").encode())
    git(directory, "checkout", "-q", "calc.py")
    passed = TestOutcome(passed=True, exit_code=0, tests=2)
    verification = Verification(command="pytest -q", before=None, after=passed)
    result = Result.model_validate(
        {"status": status, "exit_code": 0, "session_id": task.session_id, "patch": patch.text, "summary": "It added.",
         "verification": verification}
    )  # fmt: skip
    return Outcome(result, patch)


def test_a_patch_without_a_file_is_left_to_print(repository: Path) -> None:
    task = task_of(repository)
    outcome = outcome_of(task)
    assert deliver(outcome, task) == Delivery(unwritten=outcome.patch.data)
    assert b"+    return a + b" in outcome.patch.data


def test_a_patch_is_written_to_its_file(repository: Path, tmp_path: Path) -> None:
    task = task_of(repository, patch_file=tmp_path / "out.diff")
    outcome = outcome_of(task)
    assert deliver(outcome, task) == Delivery(file=tmp_path / "out.diff")
    assert (tmp_path / "out.diff").read_bytes() == outcome.patch.data


def test_a_file_that_cannot_be_written_is_wrong_usage(repository: Path, tmp_path: Path) -> None:
    task = task_of(repository, patch_file=tmp_path / "nowhere" / "out.diff")
    with pytest.raises(UsageError, match=r"nowhere/out\.diff can't be written: No such file"):
        deliver(outcome_of(task), task)


def test_a_patch_is_applied_to_the_work_tree(repository: Path, tmp_path: Path) -> None:
    task = task_of(repository, output="apply", patch_file=tmp_path / "out.diff")
    assert deliver(outcome_of(task), task) == Delivery(file=tmp_path / "out.diff", applied=True)
    assert (repository / "calc.py").read_text() == FIXED
    assert (tmp_path / "out.diff").exists()


def test_a_patch_that_does_not_fit_the_work_tree_is_refused(repository: Path) -> None:
    task = task_of(repository, output="apply")
    outcome = outcome_of(task)
    (repository / "calc.py").write_text("changed meanwhile\n")
    with pytest.raises(PatchRejected) as raised:
        deliver(outcome, task)
    assert f"`swe-agent sessions apply|branch|patch {task.session_id}` delivers it later" in raised.value.hint
    assert str(raised.value).count("commit or stash your changes") == 1


@pytest.mark.parametrize(("status", "verified"), [("fixed", "verified by"), ("unverified", "not verified by")])
def test_a_patch_is_committed_to_a_branch(repository: Path, status: str, verified: str) -> None:
    task = task_of(repository, output="branch")
    delivery = deliver(outcome_of(task, status), task)
    assert delivery.branch == "swe-agent/20260131-142501-k3f9"
    assert git(repository, "rev-parse", delivery.branch).strip() == delivery.commit
    assert git(repository, "show", f"{delivery.branch}:calc.py") == FIXED
    assert (repository / "calc.py").read_text() == CALC["calc.py"]
    message = git(repository, "log", "-1", "--format=%B", delivery.branch)
    assert message.splitlines() == [
        "Fix: add gives wrong sums", "", "It added.", "", "Issue: issue.md", f"{verified}: pytest -q", "",
    ]  # fmt: skip


@pytest.mark.parametrize("output", ["apply", "branch"])
@pytest.mark.parametrize("status", ["budget", "interrupted", "error"])
def test_the_repository_is_not_touched_by_a_session_that_did_not_finish(
    repository: Path, output: str, status: str
) -> None:
    task = task_of(repository, output=output)
    assert deliver(outcome_of(task, status), task) == Delivery()
    assert (repository / "calc.py").read_text() == CALC["calc.py"]
    assert git(repository, "branch", "--list", "swe-agent/*") == ""


def test_without_a_patch_nothing_is_written(repository: Path, tmp_path: Path) -> None:
    task = task_of(repository, output="branch", patch_file=tmp_path / "out.diff")
    outcome = Outcome(outcome_of(task).result, CheckedPatch(b"", ()))
    assert deliver(outcome, task) == Delivery()
    assert not (tmp_path / "out.diff").exists()


def test_what_delivery_would_fail_at_is_told_before_the_work(repository: Path, tmp_path: Path) -> None:
    check_delivery(task_of(repository, patch_file=tmp_path / "out.diff"))
    for file, reason in (("nowhere/out.diff", "no directory"), (".", "is a directory"), ("calc/x/y", "no directory")):
        with pytest.raises(UsageError, match=f"can't be written: .*{reason}"):
            check_delivery(task_of(repository, patch_file=tmp_path / file))
    assert not (tmp_path / "out.diff").exists()


def test_a_work_tree_with_changes_is_told_before_the_work_where_the_patch_would_go_there(repository: Path) -> None:
    for output in ("apply", "branch", "patch"):
        check_delivery(task_of(repository, output=output))
    (repository / "calc.py").write_text("my own work\n")
    with pytest.raises(RepositoryUnreadable, match="not committed"):
        check_delivery(task_of(repository, output="apply"))
    for output in ("branch", "patch"):
        check_delivery(task_of(repository, output=output))


def test_a_branch_that_exists_gets_the_change_another_name(repository: Path) -> None:
    task = task_of(repository, output="branch")
    git(repository, "branch", "swe-agent/20260131-142501-k3f9")
    check_delivery(task)
    delivery = deliver(outcome_of(task), task)
    assert delivery.branch == "swe-agent/20260131-142501-k3f9-2"
    assert git(repository, "show", f"{delivery.branch}:calc.py") == FIXED
