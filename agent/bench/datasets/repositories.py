"""A task's repository: found on this machine or cloned, or made from a function's files.

A session works on a repository of the task's own in its directory. It borrows the objects of the one that was found,
which is neither copied nor written to, and may be bare.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from agent.bench.datasets.tasks import BenchTask
from agent.errors import RepositoryUnreadable
from agent.repo.clone import clone
from agent.repo.host import HostRepository
from agent.user_directories import home

FORGE = "https://github.com"
_FIXED_DATE = "2000-01-01T00:00:00Z"  # the same files are the same commit, in every run

_cloning: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def task_repository(task: BenchTask, place: Path, repositories: Path | None) -> HostRepository:
    """The repository to work on, made at `place` if it is not there. Blocks. Raises `RepositoryUnreadable`."""
    ready = place / ".git" / "swe-agent-base"
    if not ready.exists():
        place.mkdir(parents=True, exist_ok=True)
        _git(place, "init", "--quiet")
        if task.files:
            _commit_files(place, task.files)
            base = "HEAD"
        else:
            objects = _objects(_find(task, repositories))
            (place / ".git" / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")
            base = f"{task.base_commit}^{{commit}}"
        ready.write_text(_git(place, "rev-parse", "--verify", base), encoding="utf-8")
    return HostRepository.open(place, ready.read_text(encoding="utf-8").strip())


def _find(task: BenchTask, repositories: Path | None) -> Path:
    """A git directory that has the base commit: below `repositories`, else a clone, made or brought up to date."""
    if repositories is not None:
        for place in _candidates(task.repo, repositories):
            if _has(place, task.base_commit):
                return place
    with _cloning[task.repo]:
        cached = home() / "repositories" / FORGE.replace("://", "/") / task.repo
        if _has(cached, task.base_commit):
            return cached
        place = clone(f"{FORGE}/{task.repo}", home() / "repositories")
    if not _has(place, task.base_commit):
        raise RepositoryUnreadable(
            f"{task.repo} has no commit {task.base_commit}",
            hint="--repositories names a directory with a clone that has it",
        )
    return place


def _candidates(repo: str, below: Path) -> Iterator[Path]:
    owner, name = repo.split("/")
    for form in (f"{owner}/{name}", f"{owner}+{name}", f"{owner}__{name}"):
        for place in (below / form, below / f"{form}.git"):
            if place.is_dir():
                yield place
                yield from sorted(each for each in place.iterdir() if each.is_dir() and each.name != ".git")


def _has(place: Path, commit: str) -> bool:
    return place.is_dir() and _run(place, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _objects(place: Path) -> Path:
    """Where a repository, bare or not, keeps its objects."""
    return Path(_git(place, "rev-parse", "--path-format=absolute", "--git-path", "objects").rstrip("\n"))


def _commit_files(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    _git(place, "add", "--all", "--force")
    _git(place, "commit", "--quiet", "--no-verify", "--message", "base")


def _git(place: Path, *args: str) -> str:
    done = _run(place, *args)
    if done.returncode != 0:
        raise RepositoryUnreadable(f"git {args[0]} failed in {place}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _run(place: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Git at `place` itself, not at a repository around it; nobody's configuration, no hooks, no network."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    environment |= {"GIT_CEILING_DIRECTORIES": str(place.absolute().parent), "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    environment |= {"GIT_AUTHOR_DATE": _FIXED_DATE, "GIT_COMMITTER_DATE": _FIXED_DATE}
    safe = ["safe.directory=*", f"core.hooksPath={os.devnull}", "user.name=swe-agent", "user.email=swe-agent@localhost"]
    options = [part for setting in [*safe, "commit.gpgSign=false", "core.autocrlf=false"] for part in ("-c", setting)]
    try:
        return subprocess.run(
            ["git", *options, "-C", str(place), *args],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        raise RepositoryUnreadable("git is not installed", hint="apt install git") from error
