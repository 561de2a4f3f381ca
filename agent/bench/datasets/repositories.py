"""A task's repository: found on this machine or cloned, or made from a function's files.

A session works on a repository of its own in the task's directory. It shares the objects of the one that was found (git
alternates), which is neither copied nor written to, and may be bare.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from agent.bench.datasets.tasks import BenchTask
from agent.errors import RepositoryUnreadable
from agent.repo.clone import clone
from agent.repo.host import HostRepository
from agent.repo.host_git import HostGit
from agent.user_directories import home

FORGE = "https://github.com"
_COMMIT_SETTINGS = (
    "user.name=swe-agent",
    "user.email=swe-agent@localhost",
    "commit.gpgSign=false",
    "core.autocrlf=false",
)
_COMMIT_DATE = "2000-01-01T00:00:00Z"  # fixed, so that the same files are the same commit in every run

_cloning: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def task_repository(task: BenchTask, path: Path, repositories: Path | None) -> HostRepository:
    """The repository to work on, made at `path` if it is not there. Blocks. Raises `RepositoryUnreadable`."""
    ready = path / ".git" / "swe-agent-base"
    if not ready.exists():
        path.mkdir(parents=True, exist_ok=True)
        _git(path).must("init", "--quiet")
        if task.files:
            _commit_files(path, task.files)
            base = "HEAD"
        else:
            objects = _objects(_find(task, repositories))
            (path / ".git" / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")
            base = f"{task.base_commit}^{{commit}}"
        ready.write_text(_git(path).must("rev-parse", "--verify", base).line, encoding="utf-8")
    return HostRepository.open(path, ready.read_text(encoding="utf-8").strip())


def _find(task: BenchTask, repositories: Path | None) -> Path:
    """A git directory that has the base commit: below `repositories`, else a clone, made or brought up to date."""
    if repositories is not None:
        for path in _candidates(task.repo, repositories):
            if _has_commit(path, task.base_commit):
                return path
    with _cloning[task.repo]:
        cached = home() / "repositories" / FORGE.replace("://", "/") / task.repo
        if _has_commit(cached, task.base_commit):
            return cached
        path = clone(f"{FORGE}/{task.repo}", home() / "repositories")
    if not _has_commit(path, task.base_commit):
        raise RepositoryUnreadable(
            f"{task.repo} has no commit {task.base_commit}",
            hint="--repositories names a directory with a clone that has it",
        )
    return path


def _candidates(repo: str, parent: Path) -> Iterator[Path]:
    """Directories that may be a clone, by the naming schemes in use: `owner/name`, `owner+name`, `owner__name`."""
    owner, name = repo.split("/")
    for form in (f"{owner}/{name}", f"{owner}+{name}", f"{owner}__{name}"):
        for path in (parent / form, parent / f"{form}.git"):
            if path.is_dir():
                yield path
                yield from sorted(each for each in path.iterdir() if each.is_dir() and each.name != ".git")


def _has_commit(path: Path, commit: str) -> bool:
    return path.is_dir() and _git(path).run("cat-file", "-e", f"{commit}^{{commit}}").ok


def _objects(path: Path) -> Path:
    """The object directory of a repository, bare or not."""
    found = _git(path).must("rev-parse", "--path-format=absolute", "--git-path", "objects")
    return Path(os.fsdecode(found.output.removesuffix(b"\n")))


def _commit_files(path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (path / name).write_text(text, encoding="utf-8")
    _git(path).must("add", "--all", "--force")
    _git(path).must("commit", "--quiet", "--no-verify", "--message", "base")


def _git(path: Path) -> HostGit:
    """Git in `path` itself, not in a repository around it; what it commits is the same in every run."""
    environment = {
        "GIT_CEILING_DIRECTORIES": str(path.absolute().parent),
        "GIT_AUTHOR_DATE": _COMMIT_DATE,
        "GIT_COMMITTER_DATE": _COMMIT_DATE,
    }
    return HostGit.isolated(path, settings=_COMMIT_SETTINGS, environment=environment)
