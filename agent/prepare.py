"""Before the work: the repository copied in, its environment set up, its tests run once."""

from __future__ import annotations

import anyio

from agent.config import Settings
from agent.context.budget import WindowBudget
from agent.model.backend import Backend
from agent.session.events import SandboxStarted, SetupRan
from agent.session.session import Session
from agent.strategy.work import Work
from agent.task import Task
from agent.verify.detect import find_setup_command, find_test_command, lacks_environment
from agent.verify.tests import TestRunner
from sandbox import Sandbox
from sandbox.snapshots import Snapshots
from tools import Registry, ToolContext
from tools.truncate import printable, truncate

_SETUP_SECONDS = 1800.0
_INSTRUCTIONS = "AGENTS.md"


async def prepare(task: Task, session: Session, backend: Backend, sandbox: Sandbox) -> Work:
    """Copy the repository in, set its environment up, run its tests once; all a strategy needs.

    Raises `SandboxError`s and `RepositoryUnreadable`.
    """
    settings, repository = task.settings, task.repository
    task.on_progress("copying the repository into the sandbox")
    tree_tar = await anyio.to_thread.run_sync(repository.tar)
    snapshots = Snapshots(sandbox)
    base_tree = await snapshots.begin(tree_tar)
    del tree_tar
    session.emit(SandboxStarted(sandbox=sandbox.kind, tree=base_tree))
    files = [entry.path for entry in repository.entries()]
    command = settings.test or find_test_command(files, repository.read_file)
    if settings.network == "allow":
        await sandbox.network(True)
    if settings.setup:
        await _set_up(session, sandbox, settings, settings.setup)
    await snapshots.keep_pristine()
    budget = WindowBudget(backend.window)
    tests = TestRunner(sandbox, command, timeout=settings.test_timeout) if command else None
    context = ToolContext(sandbox, budget.observation, test_command=command)
    if tests is not None:
        context.run_tests = tests.execute
    instructions = repository.read_file(_INSTRUCTIONS) or b""
    work = Work(
        session=session,
        settings=settings,
        issue=task.issue,
        repository=repository,
        backend=backend,
        sandbox=sandbox,
        snapshots=snapshots,
        registry=Registry(),
        tools=context,
        budget=budget,
        base_tree=base_tree,
        tests=tests,
        instructions=instructions.decode("utf-8", "replace"),
        on_text=task.on_text,
        on_wait=task.on_wait,
        on_call=task.on_call,
    )
    await _baseline(work, task, files)
    return work


async def _baseline(work: Work, task: Task, files: list[str]) -> None:
    """Run the tests before any change; if only their environment is missing, set it up and run them again."""
    if work.tests is None:
        work.warn("no test command was found; give one with --test, or the result can't be verified")
        return
    task.on_progress(f"running the tests before any change: {work.tests.command}")
    ran = await work.tests.run("before")
    work.session.emit(ran)
    work.baseline = ran
    setup = find_setup_command(files, work.tests.command)
    wanted = not ran.passed and lacks_environment(ran.output, ran.exit_code)
    if wanted and setup and not work.settings.setup and work.settings.network != "none":
        task.on_progress("the tests lack something they need; setting their environment up")
        await _set_up(work.session, work.sandbox, work.settings, setup)
        await work.snapshots.restore(work.base_tree)
        await work.snapshots.keep_pristine()
        work.baseline = await work.tests.run("before")
        work.session.emit(work.baseline)


async def _set_up(session: Session, sandbox: Sandbox, settings: Settings, command: str) -> None:
    """Run the setup with the network on, unless it is never to be; a failure is told, not fatal."""
    if settings.network == "setup":
        await sandbox.network(True)
    try:
        result = await sandbox.exec(command, timeout=_SETUP_SECONDS, capture=64 << 10)
    finally:
        if settings.network == "setup":
            with anyio.CancelScope(shield=True):
                await sandbox.network(False)
    session.emit(
        SetupRan(
            command=command,
            exit_code=result.exit_code,
            seconds=round(result.seconds, 3),
            output=truncate(printable(result.output.text()), 2000),
        )
    )
