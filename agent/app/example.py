"""The bundled example: its repository, its issue, and the held-out tests that the model never sees."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

import agent
from agent.errors import SweAgentError
from agent.repo.host_git import HostGit
from agent.repo.patch_policy import CheckedPatch
from agent.session.events import TestsRan
from agent.task import Task
from agent.verify.clean_runs import CleanRuns
from sandbox import open_sandbox
from sandbox.snapshots import Snapshots
from tools.files import write_bytes

EXAMPLE = "timetable"
_COMMIT_SETTINGS = ("user.name=swe-agent", "user.email=swe-agent@localhost", "commit.gpgSign=false")
_TEST_SECONDS = 120.0
"""The time limit of the held-out tests, which take about 0.1 s."""


@dataclass(frozen=True)
class Example:
    """An example's directory: `issue.md`, `repository/`, `held_out/`."""

    directory: Path

    @property
    def issue(self) -> Path:
        """The issue's file."""
        return self.directory / "issue.md"

    def held_out_tests(self) -> dict[str, bytes]:
        """The held-out tests: file name → content."""
        return {file.name: file.read_bytes() for file in sorted((self.directory / "held_out").glob("*.py"))}

    def make_repository(self, target: Path) -> None:
        """Make `target` a git repository with the example's files as its only commit.

        Raises `RepositoryUnreadable` where git is missing or fails.
        """
        shutil.copytree(self.directory / "repository", target, ignore=shutil.ignore_patterns("__pycache__"))
        git = HostGit.isolated(target, settings=_COMMIT_SETTINGS)
        git.must("init", "--quiet")
        git.must("add", "--all")
        git.must("commit", "--quiet", "--message", target.name)


def find_example(name: str = EXAMPLE) -> Example:
    """An example, from the installed package or the checkout. Raises `SweAgentError` where it is missing."""
    package = Path(agent.__file__).resolve().parent
    for parent in (package / "examples", package.parent / "examples"):
        if (parent / name / "issue.md").is_file():
            return Example(parent / name)
    raise SweAgentError(f"the example {name} is not installed", hint="install the package again")


async def run_held_out_tests(
    task: Task, patch: CheckedPatch, held_out: Mapping[str, bytes]
) -> tuple[TestsRan, TestsRan]:
    """The outcome of the held-out tests without and with the patch, in a fresh sandbox. Raises `SandboxError`s."""
    async with open_sandbox(
        task.settings.sandbox, name=f"{task.session_id}-held-out", directory=task.directory / "held-out"
    ) as sandbox:
        snapshots = Snapshots(sandbox)
        await snapshots.begin(await anyio.to_thread.run_sync(task.repository.tar))
        for name, data in held_out.items():
            await write_bytes(sandbox, sandbox.workspace.repo / "tests" / name, data)
        await snapshots.keep_pristine()
        runs = CleanRuns(sandbox, "python3 -m unittest", timeout=_TEST_SECONDS, emit=lambda event: None)
        before = await runs.run(b"", "before")
        after = await runs.run(patch.data, "after")
    return before.ran, after.ran
