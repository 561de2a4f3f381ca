"""Before the work: the repository copied in, its environment set up, its tests run once."""

from __future__ import annotations

import anyio

from agent.config import Settings
from agent.context.budget import WindowBudget
from agent.model.backend import Backend
from agent.session.events import SandboxStarted, SetupRan, TestsRan, Warned
from agent.session.session import Session
from agent.strategy.work import Work
from agent.task import Task
from agent.verify.detect import find_test_command, lacks_environment
from agent.verify.environment import find_setup_command
from agent.verify.repetition import find_flaky, without_flaky
from agent.verify.tests import TestRunner
from sandbox import Sandbox
from sandbox.snapshots import Snapshots
from tools import Registry, ToolContext
from tools.truncate import printable, truncate

_SETUP_SECONDS = 1800.0
_REPETITION_SECONDS = 300.0
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
    ran = await _run_all(work)
    setup = find_setup_command(files, work.tests.command)
    wanted = not ran.passed and lacks_environment(ran.output, ran.exit_code)
    if wanted and setup and not work.settings.setup and work.settings.network != "none":
        task.on_progress("the tests lack something they need; setting their environment up")
        await _set_up(work.session, work.sandbox, work.settings, setup)
        await work.snapshots.restore(work.base_tree)
        await work.snapshots.keep_pristine()
        ran = await _run_all(work)
    if not ran.passed and ran.ended == "exited" and ran.failures:
        await _tell_flaky(work, ran)


async def _run_all(work: Work) -> TestsRan:
    assert work.tests is not None
    work.baseline, work.baseline_report = await work.tests.run_in_full("before")
    work.session.emit(work.baseline)
    return work.baseline


async def _tell_flaky(work: Work, ran: TestsRan) -> None:
    """Run what failed once more: a test that passes now fails at random, and says nothing of the issue or a patch."""
    assert work.tests is not None
    limit = min(work.tests.limit_after(ran), _REPETITION_SECONDS)
    work.flaky = await find_flaky(work.tests, ran.failures, "before", work.session.emit, limit=limit)
    if work.flaky:
        names = ", ".join(sorted(work.flaky)[:5]) + (", …" if len(work.flaky) > 5 else "")
        work.warn(f"tests that fail and pass at random are left out of account: {names}")
        work.baseline = without_flaky(ran, work.flaky)


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
    output = printable(result.output.text())
    session.emit(
        SetupRan(
            command=command,
            exit_code=result.exit_code,
            seconds=round(result.seconds, 3),
            output=truncate(output, 2000),
        )
    )
    if not result.ok:
        said = output.strip().rpartition("\n")[2][:300]
        how = "did not end in time" if result.ended == "timeout" else f"failed with exit code {result.exit_code}"
        session.emit(Warned(message=f"the setup {how}: {said}"))
