"""The sandboxes of a session: the one that is worked in and the untouched one, new or as an earlier process left them.

Both outlive the process while the session can go on; a killed one's container is replaced on the same volume.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from agent.errors import SandboxError
from agent.run.network_warnings import tell_refused_hosts
from agent.run.setup import prepare_again
from agent.session.session import Session
from agent.task import Task
from sandbox import Sandbox
from sandbox.select import start_sandbox
from sandbox.snapshots import Snapshots


@asynccontextmanager
async def open_workspace(
    task: Task, session: Session, keep: Callable[[], bool], *, resumed: bool
) -> AsyncIterator[tuple[Sandbox, bool]]:
    """The sandbox to work in, and whether it has the workspace of an earlier process, at the tree to resume from.

    `keep` is asked at the end whether the workspace stays. Raises `SandboxUnavailable`.
    """
    sandbox = await _start(task, session, "")
    try:
        state = session.state
        # a later attempt's own workspace is made again from its change
        trees = [state.workspace.base, "" if state.in_attempt_workspace else state.resume_tree]
        kept = bool(state.workspace.base) and await _is_whole(sandbox, [tree for tree in trees if tree])
        if kept and state.prompt.started_calls:
            kept = await _rewind_shell(sandbox, state.prompt.outputs)
        if resumed and not kept:
            sandbox = await _start_empty(task, session, sandbox, "")
        yield sandbox, kept
        tell_refused_hosts(task, session)
    finally:
        with anyio.CancelScope(shield=True):
            await sandbox.close(keep=keep())


@asynccontextmanager
async def open_clean(
    task: Task, session: Session, sandbox: Sandbox, keep: Callable[[], bool], *, touched: bool
) -> AsyncIterator[Sandbox]:
    """The sandbox that nothing of the work has reached.

    `touched`: `sandbox` is worked in already, so it can't be copied. Raises `SandboxError`s.
    """
    state = session.state
    if state.work is None or not touched:
        clean = await sandbox.fork()
    else:
        clean = await _start(task, session, "-clean")
    try:
        if touched and not await _is_whole(clean, [state.workspace.base]):
            clean = await _start_empty(task, session, clean, "-clean")
            await prepare_again(task, session, clean)
        yield clean
    finally:
        with anyio.CancelScope(shield=True):
            await clean.close(keep=keep())


async def _start(task: Task, session: Session, suffix: str) -> Sandbox:
    return await start_sandbox(
        session.state.workspace.sandbox or task.settings.sandbox,
        name=f"{task.session_id}{suffix}",
        directory=task.directory / f"workspace{suffix}",
        image=task.settings.image,
        on_progress=task.report,
        allowed=task.allowed_hosts,
    )


async def _start_empty(task: Task, session: Session, sandbox: Sandbox, suffix: str) -> Sandbox:
    """The same sandbox without anything in it."""
    await sandbox.close(keep=False)
    return await _start(task, session, suffix)


async def _is_whole(sandbox: Sandbox, trees: list[str]) -> bool:
    """Whether a workspace holds the trees, and stands at the last of them now. Raises `SandboxUnavailable`."""
    snapshots = Snapshots(sandbox)
    try:
        if not await snapshots.holds(*trees):
            return False
        await snapshots.restore(trees[-1])
    except SandboxError:  # damaged, as by a power loss: it is made again
        return False
    return True


async def _rewind_shell(sandbox: Sandbox, seen: set[str]) -> bool:
    """Take the shell back to before a command that was not observed; whether the sandbox stood it."""
    try:
        await sandbox.rewind(seen)
    except SandboxError:
        return False
    return True
