"""The systems measured: how each is installed, called and asked for what it did. Ours here, the peers in peers.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.strategy.guided.rules import VARIABLE

from .jail import Jail
from .tasks import Task

ROOT = Path(__file__).resolve().parents[2]

_TIDYING = 30.0
"""Seconds of a task that are not ours to work in: the start, and the last check of the patch."""


@dataclass(frozen=True)
class Job:
    """One task for one system."""

    task: Task
    repo: Path
    home: Path
    record: Path
    """Where logs and trajectories go; the only writable directory besides is the one of `repo` and `home`."""
    jail: Jail
    base_url: str
    model: str
    window: int
    tokens_left: Callable[[], int]

    @property
    def seconds_left(self) -> float:
        """Until the task's time is over."""
        return self.jail.deadline - time.monotonic()

    def call(self, argv: list[str], seconds: float = float("inf")) -> int | None:
        """Run the system in the repository; None when it was cut off."""
        return self.jail.run(argv, cwd=self.repo, log=self.record / "output.txt", seconds=seconds)


class System(Protocol):
    """A program that is given an issue and a repository."""

    name: str
    stops_itself: bool
    """It keeps to the budget of tokens by itself, and would lose its work if it was killed when that is used up."""

    def install(self, cache: Path) -> dict[str, str]:
        """Make its environment, where there is none yet. Returns names and versions of what counts."""

    def environment(self, home: Path) -> dict[str, str]:
        """What it needs beside the environment that is the same for all."""

    def work(self, job: Job) -> dict[str, object]:
        """Work on the task, leaving the answer in the repository. Returns what is worth recording."""


@dataclass
class Ours:
    """`swe-agent fix`, without a container as the others; its patch is what counts, applied to a fresh copy."""

    product: Path = ROOT
    extra: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Rules of the guided strategy that are left out."""
    name: str = "swe-agent"
    stops_itself: bool = True

    def install(self, cache: Path) -> dict[str, str]:
        """It is there; the commit is its version."""
        told = subprocess.run(
            ["git", "-C", str(self.product), "describe", "--always", "--dirty"], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return {"swe-agent": told.stdout.strip() or "?", "python": sys.version.split()[0]}

    def environment(self, home: Path) -> dict[str, str]:
        """Where it comes from, and where its sessions go."""
        rules = {VARIABLE: ",".join(self.without)} if self.without else {}
        return {"PYTHONPATH": str(self.product), "SWE_AGENT_HOME": str(home / "data"), **rules}

    def work(self, job: Job) -> dict[str, object]:
        """One `fix`, which has to hand its patch over within the time."""
        issue = job.home / "issue.md"
        issue.write_text(job.task.issue, encoding="utf-8")
        argv = [
            sys.executable, "-P", "-m", "agent", "fix", "--repo", str(job.repo), "--issue", str(issue), "--json",
            "--base-url", job.base_url, "--model", job.model, "--sandbox", "local", "--test", job.task.test_command,
            "--time-limit", f"{max(10, int(job.seconds_left - _TIDYING))}s", "--max-tokens", str(job.tokens_left()),
            *(["--setup", job.task.setup_command] if job.task.setup_command else []), *self.extra,
        ]  # fmt: skip
        code = job.call(argv)
        lines = (job.record / "output.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        try:
            result = json.loads(lines[-1])
        except (IndexError, ValueError):
            result = {}
        patch = result.get("patch") or ""
        (job.record / "patch.diff").write_text(patch, encoding="utf-8")
        applied = bool(patch) and _apply(patch, job.repo)
        kept = ("status", "strategy", "attempts", "steps", "error", "seconds")
        return {"exit": code, "applied": applied, **{key: result.get(key) for key in kept}}


def _apply(patch: str, repo: Path) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".diff") as file:
        file.write(patch)
        file.flush()
        done = subprocess.run(["git", "-C", str(repo), "apply", file.name], capture_output=True, check=False)
    return done.returncode == 0


def clean_environment(bin_directory: Path, home: Path) -> dict[str, str]:
    """The same for every system: a Python with pytest first on PATH, an empty home, nothing of ours."""
    passed = {key: os.environ[key] for key in ("LANG", "TZ") if key in os.environ}
    return {
        **passed,
        "PATH": f"{bin_directory}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TERM": "dumb",
        "NO_COLOR": "1",
        "OPENAI_API_KEY": "none",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
