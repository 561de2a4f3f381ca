"""The program decides: reproduce, localise, repair one region whole, validate by the tests, again.

For models that can't drive: each question is narrow, and nothing is believed that the tests don't show. What shows the
problem comes from one of several providers (reproduce/providers.py); a search (repair/search.py) goes through rounds of
questions (schedule.py) about the likeliest regions (localise/); the tests try each candidate (validate/trials.py), and
of several that pass one is chosen (agent/strategy/patch_selection.py).
"""

from __future__ import annotations

import anyio

from agent.code.coverage import files_of
from agent.run.reproduction import run_script
from agent.session.events import Ended, ReproductionFound
from agent.strategy.guided.localise.model_ranking import ranked_suspects
from agent.strategy.guided.localise.sources import load_sources
from agent.strategy.guided.localise.suspects import failure_places
from agent.strategy.guided.repair.search import Search
from agent.strategy.guided.repair.unverified import propose
from agent.strategy.guided.reproduce.providers import Provider, providers
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.schedule import MAX_SUSPECTS
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.trials import Trials

_MAX_REPRODUCTIONS = 2
"""Of one provider: the likeliest, and one more in case the model chose wrongly."""
_MAX_PARTS = 4
"""How often a part of the failures may be mended before the rest is left."""


async def work_as_guided(guided: GuidedState) -> Ended:
    """Work on the issue; why it ended. Raises `BackendError`s and `SandboxUnavailable`."""
    if guided.context.tests is None:
        return Ended(status="gave_up", reason="no test command is known, so no candidate could be told from another")
    baseline = guided.context.baseline.ran
    await load_sources(guided, baseline if baseline is not None and not baseline.passed else None)
    for provider in providers(guided.rules):
        if (ended := await _by_provider(guided, provider)) is not None:
            return ended
    return await propose(guided)


async def _by_provider(guided: GuidedState, provider: Provider) -> Ended | None:
    """Repair what a provider finds; None where that is nothing, or nothing sure and no candidate satisfies it."""
    async with guided.workspace.reset_on_cancel():
        found = await provider(guided)
    ended = None
    for reproduction in found[:_MAX_REPRODUCTIONS]:
        await _adopt(guided, reproduction)
        ended = await _repair(guided, reproduction)
        if reproduction.certainty == "vague" or (reproduction.certainty == "doubtful" and ended.status == "gave_up"):
            guided.require_nothing()  # it verifies nothing
        if ended.status != "gave_up":
            return ended
        if reproduction.certainty != "sure":
            ended = None
    guided.executed = frozenset()
    return ended


async def _adopt(guided: GuidedState, reproduction: Reproduction) -> None:
    """Have candidates pass a reproduction's script, see which functions it runs, and read the files of those."""
    if not reproduction.script:
        return
    failure = reproduction.failure
    async with guided.workspace.reset_on_cancel():
        await run_script(guided.context, guided.workspace.sandbox, reproduction.script)  # the command runs its file
        await guided.trace(reproduction.script)
    named = {path for path, _ in failure_places(failure, guided.workspace.root)}
    if not files_of(guided.executed) | named <= guided.sources.keys():
        await load_sources(guided, failure, guided.executed)
    guided.require(failure.command, reproduction.script)
    guided.session.emit(ReproductionFound(command=failure.command, script=reproduction.script))


async def _repair(guided: GuidedState, reproduction: Reproduction) -> Ended:
    """Search for a candidate that passes; one that mends a part of the failures is kept, and the rest searched for."""
    sources, tree, tried = guided.sources, guided.workspace.base_tree, 0
    rewritten: list[str] = []
    for _ in range(_MAX_PARTS):
        suspects = await ranked_suspects(guided, reproduction.failure, sources)
        if not suspects:
            return Ended(status="gave_up", reason="neither the failure nor the issue names any code of the repository")
        search = Search(guided, Trials(guided, reproduction, sources, tree), suspects[:MAX_SUSPECTS])
        try:
            ended = await search.run()
        except anyio.get_cancelled_exc_class():
            await search.restore_best()
            raise
        tried += search.trials.count
        chosen = search.chosen()
        if chosen is None:
            if rewritten:
                break
            return ended or Ended(status="gave_up", reason=f"none of {tried} candidates passes the tests")
        await search.trials.write(chosen)
        tree = await guided.workspace.snapshot()
        sources = {**sources, **chosen.files}
        rewritten.append(chosen.title)
        if search.passing or search.partial is None:
            summary = f"Rewrote {', '.join(rewritten)}; the tests pass."
            return Ended(status="submitted", summary=summary, by_trying=chosen.is_guess)
        reproduction = search.partial[1]
    return Ended(status="submitted", summary=f"Rewrote {', '.join(rewritten)}; some of the failing tests pass now.")
