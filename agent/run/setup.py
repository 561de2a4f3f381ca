"""Before the work: the repository copied in, its environment set up, its tests run once."""

from __future__ import annotations

import anyio

from agent.backend import Backend
from agent.config import Settings
from agent.context.budget import WindowBudget
from agent.environment.detect_setup import find_setup_command
from agent.environment.detect_tests import find_test_command, lacks_environment, last_error
from agent.errors import JournalWriteFailed
from agent.run.baseline_report import keep_report, kept_report
from agent.run.context import Work
from agent.session.events import SandboxRestarted, SandboxStarted, SetupRan, TestsRan, Warned
from agent.session.patch_store import PatchStore
from agent.session.session import Session
from agent.task import Task
from agent.text import printable, truncate
from agent.verify.flaky import find_flaky, without_flaky
from agent.verify.suite import TestRunner
from sandbox import Sandbox
from sandbox.snapshots import Snapshots
from tools import Registry, ToolContext

_SETUP_SECONDS = 1800.0
_REPETITION_SECONDS = 300.0
_INSTRUCTIONS = "AGENTS.md"


async def prepare(task: Task, session: Session, backend: Backend, sandbox: Sandbox, *, kept: bool) -> Work:
    """Copy the repository in, set its environment up, run its tests once; all a strategy needs.

    `kept`: the sandbox has the workspace of an earlier process. What the journal tells of is not done again there.
    Raises `SandboxError`s and `RepositoryUnreadable`.
    """
    settings, repository, state = task.settings, task.repository, session.state
    snapshots = Snapshots(sandbox)
    if kept:
        session.emit(SandboxRestarted(reason="the session was resumed"))
    else:
        task.on_progress("copying the repository into the sandbox")
        session.emit(SandboxStarted(sandbox=sandbox.kind, tree=await _copy_in(task, snapshots)))
    if settings.network == "allow":
        await sandbox.network(True)
    for command in _setups(task, session):
        if command not in state.prepared:
            await _set_up(session, sandbox, settings, command)
    if not kept or state.work is None:
        await snapshots.keep_pristine()
    files = [entry.path for entry in repository.entries()]
    command = settings.test or find_test_command(files, repository.read_file)
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
        base_tree=state.base,
        tests=tests,
        instructions=instructions.decode("utf-8", "replace"),
        changes=PatchStore(task.directory),
        on_text=task.on_text,
        on_wait=task.on_wait,
        on_call=task.on_call,
    )
    if state.work is None:
        await _baseline(work, task, files)
    else:
        _recall(work, task)
    return work


async def prepare_again(task: Task, session: Session, sandbox: Sandbox) -> None:
    """Prepare a second sandbox as the first one was: the repository, the setup, the pristine copy."""
    snapshots = Snapshots(sandbox)
    await _copy_in(task, snapshots)
    for command in _setups(task, session):
        await _set_up(session, sandbox, task.settings, command)
    await snapshots.keep_pristine()


async def _copy_in(task: Task, snapshots: Snapshots) -> str:
    tree_tar = await anyio.to_thread.run_sync(task.repository.tar)
    return await snapshots.begin(tree_tar)


def _setups(task: Task, session: Session) -> list[str]:
    """The user's command, then those that the journal tells of."""
    return list(dict.fromkeys([*filter(None, [task.settings.setup]), *session.state.setups]))


def _recall(work: Work, task: Task) -> None:
    """What was found out before the work began, from the journal and beside it."""
    state = work.session.state
    assert state.work is not None
    work.flaky = frozenset(state.work.flaky)
    work.baseline = without_flaky(state.baseline, work.flaky) if state.baseline else None
    work.baseline_report = kept_report(task.directory)
    if state.reproduction is not None:
        work.reproduction, work.reproduction_script = state.reproduction.command, state.reproduction.script


async def _baseline(work: Work, task: Task, files: list[str]) -> None:
    """Run the tests before any change; if only their environment is missing, set it up and run them again."""
    if work.tests is None:
        work.warn("no test command was found; give one with --test, or the result can't be verified")
        return
    ran = work.session.state.baseline
    if ran is None:
        task.on_progress(f"running the tests before any change: {work.tests.command}")
        ran = await _run_all(work, task)
    else:  # by a process that was interrupted before the work began
        work.baseline, work.baseline_report = ran, kept_report(task.directory)
    setup = find_setup_command(files, work.tests.command)
    wanted = not ran.passed and lacks_environment(ran.output, ran.exit_code)
    wanted = wanted and setup not in work.session.state.prepared
    if wanted and setup and not work.settings.setup and work.settings.network != "none":
        task.on_progress("the tests lack something they need; setting their environment up")
        await _set_up(work.session, work.sandbox, work.settings, setup)
        await work.snapshots.restore(work.base_tree)
        await work.snapshots.keep_pristine()
        ran = await _run_all(work, task)
    if work.mute:
        why = last_error(ran.output)[:200] or f"exit code {ran.exit_code}"
        work.warn(f"the tests can't run here: {why}; --setup COMMAND can prepare what they need")
    if not ran.passed and ran.ended == "exited" and ran.failures:
        await _tell_flaky(work, ran)


async def _run_all(work: Work, task: Task) -> TestsRan:
    assert work.tests is not None
    work.baseline, work.baseline_report = await work.tests.run_in_full("before")
    try:
        await anyio.to_thread.run_sync(keep_report, task.directory, work.baseline_report)
    except OSError as error:
        raise JournalWriteFailed(f"{task.directory} can't be written: {error.strerror}") from error
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
