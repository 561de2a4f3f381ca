"""The demonstration: the bundled example's issue fixed with the bundled runtime, then held to tests it never saw."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

from agent.errors import SweAgentError
from agent.repo.patch_policy import CheckedPatch
from agent.session.directories import new_session_id
from agent.session.events import TestsRan
from agent.task import Task
from agent.ui.fix import make_task, run_interruptibly, watched
from agent.ui.terminal import Terminal
from agent.verify.suite import TestRunner
from sandbox import open_sandbox
from sandbox.snapshots import Snapshots
from tools.files import write_bytes

EXAMPLE = "timetable"
_TEST_SECONDS = 120.0


def example_directory(name: str = EXAMPLE) -> Path:
    """Where an example lies: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "examples", package.parent / "examples"):
        if (place / name / "issue.md").is_file():
            return place / name
    raise SweAgentError(f"the example {name} is not installed", hint="install the package again")


def run_demo(flags: Mapping[str, Any], *, json_lines: bool) -> int:
    """Fix the example's issue; 0 when it is fixed and the tests it never saw pass."""
    from rich.console import Console

    example = example_directory()
    console = Console(stderr=True, soft_wrap=True)
    terminal = Terminal(console)
    with tempfile.TemporaryDirectory(prefix="swe-agent-demo-") as scratch:
        repository = Path(scratch) / EXAMPLE
        _as_repository(example / "repository", repository)
        issue = example / "issue.md"
        task, _ = make_task(new_session_id(), str(issue), str(repository), "HEAD", flags)
        # the user's own backend is not the demonstration's: it shows the bundled runtime
        settings = task.settings.model_copy(update={"base_url": None, "api_key": None, "keep_workspace": False})
        task = watched(replace(task, settings=settings), terminal, json_lines=json_lines)
        if not json_lines:
            console.out(issue.read_text(encoding="utf-8"), style="dim", highlight=False)
        outcome = anyio.run(run_interruptibly, task)
        if outcome.result.status != "fixed":
            sys.stderr.write(f"swe-agent: {outcome.result.error or outcome.result.status}\n")
            return outcome.result.exit_code
        if not json_lines:
            sys.stdout.write(f"\n{outcome.patch.text}\n")
            sys.stdout.flush()
        held_out = {file.name: file.read_bytes() for file in sorted((example / "held_out").glob("*.py"))}
        before, after = anyio.run(check_held_out, task, outcome.patch, held_out)
    terminal.progress("tests of the example that were never shown to the model:")
    terminal(before)
    terminal(after)
    if not after.passed:
        sys.stderr.write("swe-agent: the tests that were held out do not pass\n")
        return 1
    return 0


def _as_repository(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    identity = [
        "-c",
        "user.name=swe-agent",
        "-c",
        "user.email=swe-agent@localhost",
        "-c",
        "commit.gpgSign=false",
    ]
    for step in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "timetable"]):
        subprocess.run(["git", "-C", str(target), *step], check=True, capture_output=True)


async def check_held_out(task: Task, patch: CheckedPatch, held_out: Mapping[str, bytes]) -> tuple[TestsRan, TestsRan]:
    """The held-out tests without and with the patch, in a fresh sandbox."""
    async with open_sandbox(
        task.settings.sandbox, name=f"{task.session_id}-held-out", directory=task.directory / "held-out"
    ) as sandbox:
        snapshots = Snapshots(sandbox)
        await snapshots.begin(await anyio.to_thread.run_sync(task.repository.tar))
        for name, data in held_out.items():
            await write_bytes(sandbox, sandbox.workspace.repo / "tests" / name, data)
        await snapshots.keep_pristine()
        tests = TestRunner(sandbox, "python3 -m unittest", timeout=_TEST_SECONDS)
        before = await tests.run("before")
        await snapshots.enter_pristine(patch.data)
        after = await tests.run("after")
        await snapshots.leave_pristine()
    return before, after
