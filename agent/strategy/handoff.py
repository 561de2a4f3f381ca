"""Which strategy works, and when it hands over to the other: on evidence, once a session, where the user left it open.

agent → guided    the agent gave up: it repeats itself, its edits fail, its replies have no call, nothing moves
guided → agent    guided gave up, and the model is known to call tools
"""

from __future__ import annotations

from typing import Literal

from agent.errors import PatchRejected
from agent.run.context import Work
from agent.run.resume import preserve_patch, recheck_patch
from agent.run.verification import TestedPatch
from agent.session.events import Ended, StrategyChanged
from agent.strategy.agent.attempts import work_in_attempts
from agent.strategy.agent.tool_loop import work_as_agent
from agent.strategy.guided.strategy import work_as_guided
from agent.text import truncate
from prompts import render

Strategy = Literal["agent", "guided"]
_SCRIPT_TOKENS = 400


async def work_by(work: Work, strategy: Strategy) -> Ended:
    """Work on the issue by a strategy, and by the other where the first gives up and may hand over; why it ended.

    A resumed session goes on with the one that has it. Raises `BackendError`s and `SandboxUnavailable`.
    """
    if change := next(reversed(work.session.state.changes), None):
        ended = Ended(status="gave_up", reason=change.reason)
        if not (work.session.state.searching or work.session.state.prompted):
            await work.restore(work.base_tree)
        if change.after == "agent":
            return await _as_agent(work, ended)
        work.chosen = await recheck_patch(work, change.patch)
        return await _as_guided(work, ended)
    if strategy == "guided":
        ended = await _search(work)
        return await _to_agent(work, ended) if _may_change(work, ended) and calls_tools(work) else ended
    if (work.settings.attempts or 1) > 1 and work.judge is not None:
        ended = await work_in_attempts(work, work.judge, work.settings.attempts or 1)
    else:
        ended = await work_as_agent(work)
    return await _to_guided(work, ended) if _may_change(work, ended) and work.tests is not None else ended


async def _search(work: Work) -> Ended:
    """Guided's part, from its beginning: what it had in mind is not in the journal, what it changed is kept."""
    if work.session.state.searching:
        await preserve_patch(work)
        work.reproduction = work.reproduction_script = ""
        work.warn("the guided search begins anew; the budgets go on")
    ended = await work_as_guided(work)
    if ended.status == "submitted":
        work.chosen = None
    return ended


def _may_change(work: Work, ended: Ended) -> bool:
    return work.settings.strategy == "auto" and ended.status == "gave_up" and not work.exhausted()


def calls_tools(work: Work) -> bool:
    """Whether the model can be given the lead: its profile says so, or its calls come natively from this server."""
    return work.backend.profile.strategy == "agent" or work.backend.tool_calls().mode == "native"


async def _to_guided(work: Work, ended: Ended) -> Ended:
    """Guided begins at the base commit; what the agent did stays the session's change until guided has a better one."""
    if work.chosen is None and work.judge is not None:
        try:
            patch = await work.judge.check(work, await work.diff())
        except PatchRejected as error:
            work.warn(str(error))
        else:
            work.chosen = TestedPatch(patch) if patch.data else None
    kept = work.chosen.patch.text if work.chosen else ""
    work.session.emit(StrategyChanged(before="agent", after="guided", reason=ended.reason, patch=kept))
    await work.restore(work.base_tree)
    return await _as_guided(work, ended)


async def _as_guided(work: Work, ended: Ended) -> Ended:
    """The second part, after an agent that ended so."""
    second = await _search(work)
    if second.status == "submitted":
        return second
    return second.model_copy(update={"reason": f"{ended.reason}; then, guided: {second.reason}"})


async def _to_agent(work: Work, ended: Ended) -> Ended:
    """The agent begins at the base commit, and is told what guided tried."""
    work.session.emit(StrategyChanged(before="guided", after="agent", reason=ended.reason))
    await work.restore(work.base_tree)
    return await _as_agent(work, ended)


async def _as_agent(work: Work, ended: Ended) -> Ended:
    """The second part, after a guided search that ended so."""
    work.notes = render(
        "handover_notes",
        reason=ended.reason,
        tried=list(work.session.state.tried),
        script=truncate(work.reproduction_script, _SCRIPT_TOKENS) if work.reproduction_script else "",
        command=work.reproduction,
    )
    second = await work_as_agent(work)
    if second.status in {"submitted", "budget"}:
        return second
    return second.model_copy(update={"reason": f"{ended.reason}; then, as an agent: {second.reason}"})
