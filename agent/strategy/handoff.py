"""Which strategy works, and when it hands over to the other: on evidence, once a session, where the user left it open.

agent → guided    the agent gave up: it repeats itself, its edits fail, its replies have no call, nothing moves
guided → agent    guided gave up, and the model is known to call tools
"""

from __future__ import annotations

from typing import Literal

from agent.errors import PatchRejected
from agent.run.best_result import TestedPatch
from agent.run.resume import preserve_patch, recheck_patch
from agent.run.run import Run
from agent.session.events import Ended, StrategyChanged
from agent.strategy.agent.attempts import work_in_attempts
from agent.strategy.agent.tool_loop import work_as_agent
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.strategy import work_as_guided
from agent.text import truncate
from prompts import render

Strategy = Literal["agent", "guided"]
_SCRIPT_TOKENS = 400


async def work_by(run: Run, strategy: Strategy) -> Ended:
    """Work on the issue by a strategy, and by the other where the first gives up and may hand over; why it ended.

    A resumed session goes on with the one that has it. Raises `BackendError`s and `SandboxUnavailable`.
    """
    if change := next(reversed(run.session.state.strategy_changes), None):
        ended = Ended(status="gave_up", reason=change.reason)
        if not (run.session.state.guided.searching or run.session.state.prompt.begun):
            await run.workspace.restore(run.workspace.base_tree)
        if change.after == "agent":
            return await _as_agent(run, ended)
        run.best.replace_patch(await recheck_patch(run, change.patch))
        return await _as_guided(run, ended)
    if strategy == "guided":
        ended = await _search(run)
        return await _to_agent(run, ended) if _may_change(run, ended) and calls_tools(run) else ended
    if (run.context.settings.attempts or 1) > 1:
        ended = await work_in_attempts(run, run.context.settings.attempts or 1)
    else:
        ended = await work_as_agent(run)
    return await _to_guided(run, ended) if _may_change(run, ended) and run.context.tests is not None else ended


async def _search(run: Run) -> Ended:
    """Guided's part, from its beginning: what it had in mind is not in the journal, what it changed is kept."""
    if run.session.state.guided.searching:
        await preserve_patch(run)
        run.verifier.reproduction = None
        run.context.warn("the guided search begins anew; the budgets go on")
    ended = await work_as_guided(GuidedState(run))
    if ended.status == "submitted":
        run.best.replace_patch(None)
    return ended


def _may_change(run: Run, ended: Ended) -> bool:
    return run.context.settings.strategy == "auto" and ended.status == "gave_up" and not run.context.exhausted_budget()


def calls_tools(run: Run) -> bool:
    """Whether the model can be given the lead: its profile says so, or its calls come natively from this server."""
    return run.model.backend.profile.strategy == "agent" or run.model.backend.tool_calls().mode == "native"


async def _to_guided(run: Run, ended: Ended) -> Ended:
    """Guided begins at the base commit; what the agent did stays the session's change until guided has a better one."""
    if run.best.patch is None:
        try:
            patch = await run.verifier.check(await run.workspace.diff())
        except PatchRejected as error:
            run.context.warn(str(error))
        else:
            run.best.replace_patch(TestedPatch(patch) if patch.data else None)
    kept = run.best.patch.patch.text if run.best.patch else ""
    run.session.emit(StrategyChanged(before="agent", after="guided", reason=ended.reason, patch=kept))
    await run.workspace.restore(run.workspace.base_tree)
    return await _as_guided(run, ended)


async def _as_guided(run: Run, ended: Ended) -> Ended:
    """The second part, after an agent that ended so."""
    second = await _search(run)
    if second.status == "submitted":
        return second
    return second.model_copy(update={"reason": f"{ended.reason}; then, guided: {second.reason}"})


async def _to_agent(run: Run, ended: Ended) -> Ended:
    """The agent begins at the base commit, and is told what guided tried."""
    run.session.emit(StrategyChanged(before="guided", after="agent", reason=ended.reason))
    await run.workspace.restore(run.workspace.base_tree)
    return await _as_agent(run, ended)


async def _as_agent(run: Run, ended: Ended) -> Ended:
    """The second part, after a guided search that ended so."""
    found = run.verifier.reproduction
    notes = render(
        "handoff_notes",
        reason=ended.reason,
        tried=list(run.session.state.guided.tried),
        script=truncate(found.script, _SCRIPT_TOKENS) if found else "",
        command=found.command if found else "",
    )
    second = await work_as_agent(run, notes)
    if second.status in {"submitted", "budget"}:
        return second
    return second.model_copy(update={"reason": f"{ended.reason}; then, as an agent: {second.reason}"})
