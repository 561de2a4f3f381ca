"""A task's repository: borrowed from a clone in any of its places, cloned, or made from files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from benching import FUNCTION, calc_row, write_rows
from support import CALC, digest, git, make_repository

from agent.bench.datasets.repositories import task_repository
from agent.bench.datasets.tasks import BenchTask, load_tasks
from agent.errors import RepositoryUnreadable


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def task_of(tmp_path: Path, place: Path) -> BenchTask:
    return load_tasks(write_rows(tmp_path / "tasks.jsonl", calc_row(place))).tasks[0]


@pytest.mark.parametrize(
    "form", ["owner/calc", "owner/calc.git", "owner+calc", "owner+calc/repo", "owner__calc", "owner__calc.git"]
)
@pytest.mark.parametrize("bare", [False, True])
def test_the_base_commit_alone_is_worked_on(tmp_path: Path, form: str, bare: bool) -> None:
    task = task_of(tmp_path, tmp_path / "made")
    place = tmp_path / "repositories" / form
    place.parent.mkdir(parents=True)
    git(tmp_path, "clone", "-q", *(["--bare"] if bare else []), str(tmp_path / "made" / "owner" / "calc"), str(place))
    before = digest(place)
    repository = task_repository(task, tmp_path / "work", tmp_path / "repositories")
    assert repository.commit == task.base_commit
    with tarfile.open(fileobj=io.BytesIO(repository.tar())) as tar:
        file = tar.extractfile("calc.py")
        assert file is not None
        assert file.read().decode() == CALC["calc.py"]
    assert not repository.is_dirty()
    assert digest(place) == before
    assert task_repository(task, tmp_path / "work", None).commit == task.base_commit  # it is there already


def test_a_directory_inside_another_repository_is_not_taken_for_it(tmp_path: Path) -> None:
    task = task_of(tmp_path, tmp_path / "made")
    outer = make_repository(tmp_path / "outer", CALC)
    git(outer, "fetch", "-q", str(tmp_path / "made" / "owner" / "calc"), "HEAD")
    (outer / "owner" / "calc").mkdir(parents=True)
    with pytest.raises(RepositoryUnreadable):
        task_repository(task, tmp_path / "work", outer)


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that stands for github.com."""
    place = tmp_path / "forge"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{place.as_uri()}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    return place


def test_what_is_not_there_is_cloned_once(tmp_path: Path, forge: Path) -> None:
    task = task_of(tmp_path, forge)
    assert task_repository(task, tmp_path / "first", tmp_path / "nothing-here").commit == task.base_commit
    (forge / "owner" / "calc").rename(tmp_path / "gone")
    assert task_repository(task, tmp_path / "second", None).commit == task.base_commit


def test_a_commit_that_nobody_has(tmp_path: Path, forge: Path) -> None:
    row = calc_row(forge) | {"base_commit": "0" * 40}
    (task,) = load_tasks(write_rows(tmp_path / "tasks.jsonl", row)).tasks
    with pytest.raises(RepositoryUnreadable, match="has no commit 0000"):
        task_repository(task, tmp_path / "work", forge)


def test_a_functions_repository_is_the_same_commit_every_time(tmp_path: Path) -> None:
    (task,) = load_tasks(write_rows(tmp_path / "tasks.jsonl", FUNCTION)).tasks
    first = task_repository(task, tmp_path / "first", None)
    assert first.commit == task_repository(task, tmp_path / "second", None).commit
    assert sorted(entry.path for entry in first.entries()) == ["largest.py", "test_largest.py"]
