"""Before the work: the repository copied in, its environment set up, its tests run once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio

from agent.backend import Backend
from agent.context.budget import WindowBudget
from agent.environment.detect_setup import find_setup_command
from agent.environment.detect_tests import find_test_command
from agent.environment.run_setup import run_setup_command
from agent.errors import JournalWriteFailed
from agent.forge.hidden_text import clean_text
from agent.forge.issue import MAX_CHARACTERS
from agent.run.baseline_report import keep_report, kept_report
from agent.run.best_result import BestResult
from agent.run.context import RunContext
from agent.run.model_session import ModelSession
from agent.run.network_warnings import tell_refused_hosts, tell_shared_network
from agent.run.reproduction import Reproduction
from agent.run.run import Run
from agent.run.tool_session import ToolSession
from agent.run.verification import PatchVerifier
from agent.run.workspace_state import WorkspaceState
from agent.session.events import SandboxRestarted, SandboxStarted, SetupRan, TestsRan, Warned
from agent.session.patch_store import PatchStore
from agent.session.session import Session
from agent.task import Task
from agent.text import printable, truncate
from agent.verify.baseline import Baseline
from agent.verify.flaky import find_flaky, without_flaky
from agent.verify.reports.errors import last_error
from agent.verify.runners.registry import lacks_environment
from agent.verify.suite import TestRunner
from sandbox import Sandbox
from sandbox.snapshots import Snapshots
from tools import ToolContext

_REPETITION_SECONDS = 300.0
_INSTRUCTIONS = "AGENTS.md"


@dataclass(frozen=True)
class Prepared:
    """A workspace that is ready, and what is known of it; with a clean sandbox beside it, it becomes a `Run`."""

    context: RunContext
    workspace: WorkspaceState
    model: ModelSession
    tools: ToolSession

    def run(self, clean: Sandbox) -> Run:
        """The run; `clean` is a sandbox that nothing of the work has reached."""
        found = self.context.session.state.guided.reproduction if self.context.session.state.work else None
        reproduction = Reproduction(found.command, found.script) if found else None
        verifier = PatchVerifier(self.context, clean, reproduction)
        return Run(self.context, self.workspace, self.model, self.tools, verifier, BestResult())


async def prepare(task: Task, session: Session, backend: Backend, sandbox: Sandbox, *, kept: bool) -> Prepared:
    """Copy the repository in, set its environment up, run its tests once.

    `kept`: the sandbox has the workspace of an earlier process, where the recorded setup commands are not run again.
    Raises `SandboxError`s and `RepositoryUnreadable`.
    """
    settings, repository, state = task.settings, task.repository, session.state
    snapshots = Snapshots(sandbox)
    if kept:
        session.emit(SandboxRestarted(reason="the session was resumed"))
    else:
        task.report("copying the repository into the sandbox")
        session.emit(SandboxStarted(sandbox=sandbox.kind, tree=await _copy_in(task, snapshots)))
    if settings.network == "allow":
        await sandbox.network(True)
        tell_shared_network(task, session, sandbox)
    for command in _setups(task, session):
        if command not in state.environment.prepared:
            await run_setup(task, session, sandbox, command)
    if not kept or state.work is None:
        await snapshots.keep_pristine()
    files = [entry.path for entry in repository.entries()]
    command = settings.test or find_test_command(files, repository.read_file)
    tests = TestRunner(sandbox, command, timeout=settings.test_timeout) if command else None
    instructions = repository.read_file(_INSTRUCTIONS) or b""
    notes = clean_text(instructions[: 4 * MAX_CHARACTERS].decode("utf-8", "replace")[:MAX_CHARACTERS])
    context = RunContext(session, settings, task.issue, repository, tests, instructions=notes.text)
    if state.work is None:
        _tell_removed(context, task.issue.removed, notes.removed)
    workspace = WorkspaceState(session, sandbox, snapshots, state.workspace.base, PatchStore(task.directory))
    measured = state.work is None
    baseline = await _measure_baseline(task, context, workspace, files) if measured else _recall_baseline(task, session)
    model = ModelSession(session, settings, backend, WindowBudget(backend.window))
    tool_context = ToolContext(sandbox, model.budget.observation, test_command=command)
    if tests is not None:
        tool_context.run_tests = tests.execute
    return Prepared(replace(context, baseline=baseline), workspace, model, ToolSession(tool_context))


def _tell_removed(context: RunContext, issue: tuple[str, ...], notes: tuple[str, ...]) -> None:
    """Tell the user what the model is not shown of the issue and of the repository's notes."""
    for source, removed in (("the issue", issue), (_INSTRUCTIONS, notes)):
        if removed:
            context.warn(f"taken out of {source}, since its reader does not see it: {', '.join(removed)}")


async def prepare_again(task: Task, session: Session, sandbox: Sandbox) -> None:
    """Prepare a second sandbox as the first one was: the repository, the setup, the pristine copy."""
    snapshots = Snapshots(sandbox)
    await _copy_in(task, snapshots)
    for command in _setups(task, session):
        await run_setup(task, session, sandbox, command)
    await snapshots.keep_pristine()


async def _copy_in(task: Task, snapshots: Snapshots) -> str:
    tree_tar = await anyio.to_thread.run_sync(task.repository.tar)
    return await snapshots.begin(tree_tar)


def _setups(task: Task, session: Session) -> list[str]:
    """The user's command, then those that the journal tells of."""
    return list(dict.fromkeys([*filter(None, [task.settings.setup]), *session.state.environment.setups]))


def _recall_baseline(task: Task, session: Session) -> Baseline:
    """The baseline that was measured before the work began, from the journal and beside it."""
    state = session.state
    assert state.work is not None
    flaky = frozenset(state.work.flaky)
    ran = without_flaky(state.environment.baseline, flaky) if state.environment.baseline else None
    return Baseline(ran, kept_report(task.directory), flaky)


async def _measure_baseline(task: Task, context: RunContext, workspace: WorkspaceState, files: list[str]) -> Baseline:
    """Run the tests before any change; if only their environment is missing, set it up and run them again."""
    tests, session = context.tests, context.session
    if tests is None:
        context.warn("no test command was found; give one with --test, or the result can't be verified")
        return Baseline()
    if session.state.environment.baseline is None:
        task.report(f"running the tests before any change: {tests.command}")
        baseline = await _run_all(task, session, tests)
    else:  # by a process that was interrupted before the work began
        baseline = Baseline(session.state.environment.baseline, kept_report(task.directory))
    assert baseline.ran is not None
    setup = _missing_setup(context, baseline.ran, find_setup_command(files, tests.command))
    if setup:
        task.report("the tests lack something they need; setting their environment up")
        await run_setup(task, session, workspace.sandbox, setup)
        await workspace.snapshots.restore(workspace.base_tree)
        await workspace.snapshots.keep_pristine()
        baseline = await _run_all(task, session, tests)
    ran = baseline.ran
    assert ran is not None
    if baseline.tests_unusable:
        why = last_error(ran.output)[:200] or f"exit code {ran.exit_code}"
        context.warn(f"the tests can't run here: {why}; --setup COMMAND can prepare what they need")
    if not ran.passed and ran.ended == "exited" and ran.failures:
        baseline = await _without_flaky(context, tests, baseline)
    return baseline


def _missing_setup(context: RunContext, ran: TestsRan, setup: str) -> str:
    """The detected setup command where the tests lack their environment and it may be run; else empty."""
    settings = context.settings
    if settings.setup or settings.network == "none" or setup in context.session.state.environment.prepared:
        return ""
    return setup if not ran.passed and lacks_environment(ran.output, ran.exit_code) else ""


async def _run_all(task: Task, session: Session, tests: TestRunner) -> Baseline:
    ran, report = await tests.run_in_full("before")
    try:
        await anyio.to_thread.run_sync(keep_report, task.directory, report)
    except OSError as error:
        raise JournalWriteFailed(f"{task.directory} can't be written: {error.strerror}") from error
    session.emit(ran)
    return Baseline(ran, report)


async def _without_flaky(context: RunContext, tests: TestRunner, baseline: Baseline) -> Baseline:
    """Run what failed once more: a test that passes now fails at random, and says nothing of the issue or a patch."""
    ran = baseline.ran
    assert ran is not None
    limit = min(tests.limit_after(ran), _REPETITION_SECONDS)
    flaky = await find_flaky(tests, ran.failures, "before", context.session.emit, limit=limit)
    if not flaky:
        return baseline
    names = ", ".join(sorted(flaky)[:5]) + (", …" if len(flaky) > 5 else "")
    context.warn(f"tests that fail and pass at random are left out of account: {names}")
    return Baseline(without_flaky(ran, flaky), baseline.report, flaky)


async def run_setup(task: Task, session: Session, sandbox: Sandbox, command: str) -> None:
    """Run the setup with the network on, unless it is never to be; a failure is a warning."""
    first = not session.state.environment.setups
    result = await run_setup_command(sandbox, command, task.settings.network)
    if first:
        tell_shared_network(task, session, sandbox)
    output = printable(result.output.text())
    refused = tell_refused_hosts(task, session)
    session.emit(
        SetupRan(
            command=command,
            exit_code=result.exit_code,
            seconds=round(result.seconds, 3),
            output=truncate(output, 2000),
            refused_hosts=refused,
        )
    )
    if not result.ok:
        said = output.strip().rpartition("\n")[2][:300]
        how = "did not end in time" if result.ended == "timeout" else f"failed with exit code {result.exit_code}"
        session.emit(Warned(message=f"the setup {how}: {said}"))
