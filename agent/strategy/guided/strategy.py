"""The program decides: reproduce, localise, repair one region whole, validate by the tests, again.

For models that can't drive: each question is narrow, and nothing is believed that the tests don't show. A search
(search.py) goes through rounds of questions (rounds.py) about the likeliest regions (localise.py); the tests try each
candidate (trial.py), and of several that pass the best is chosen (choose.py).
"""

from __future__ import annotations

import anyio

from agent.run.reproduction import Reproduction, run_script
from agent.session.events import Ended, PhaseBegan, ReproductionFound, TestsRan
from agent.strategy.guided.issue.related import error_mentions_issue, related
from agent.strategy.guided.localise.model_ranking import rank_by_model
from agent.strategy.guided.localise.sources import load_sources
from agent.strategy.guided.localise.suspects import Suspect, localise, places
from agent.strategy.guided.repair.search import search_for
from agent.strategy.guided.repair.unverified import propose
from agent.strategy.guided.reproduce.find import find_reproductions
from agent.strategy.guided.reproduce.tracer import executed, files_of
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.trials import Target

_REPRODUCTIONS = 2  # the likeliest, and one more in case the model chose wrongly
_PARTS = 4  # how often a part of the failures may be mended before the rest is left


async def work_as_guided(guided: GuidedState) -> Ended:
    """Work on the issue; why it ended. Raises `BackendError`s and `SandboxUnavailable`."""
    if guided.context.tests is None:
        return Ended(status="gave_up", reason="no test command is known, so no candidate could be told from another")
    failure = (
        guided.context.baseline.ran
        if guided.context.baseline.ran is not None and not guided.context.baseline.ran.passed
        else None
    )
    guided.sources = await load_sources(guided, failure)
    if failure is None or (
        guided.context.baseline.tests_unusable and not error_mentions_issue(failure, guided.context.issue.text)
    ):
        return await _by_reproduction(guided) or await propose(guided)
    told = related(failure, guided.context.issue.text, guided.sources)
    if told or not failure.failures:
        return await _repair(guided, Target(failure, told))
    # what fails has nothing to do with the issue, as far as words go: only if nothing else shows the problem
    return await _by_reproduction(guided) or await _repair(guided, Target(failure, frozenset(failure.failures)))


async def _by_reproduction(guided: GuidedState) -> Ended | None:
    """Repair what a script shows that fails as the issue says; None when no such script was found.

    Neither is one that the model wrote and that no candidate satisfies.
    """
    suspects = localise(guided.sources, guided.context.issue.text, None, guided.workspace.root, guided.ranked)
    ended = None
    async with guided.workspace.reset_on_cancel():
        found = await find_reproductions(guided, suspects)
    for reproduction in found[:_REPRODUCTIONS]:
        async with guided.workspace.reset_on_cancel():
            await run_script(
                guided.context, guided.workspace.sandbox, reproduction.script
            )  # it is the file that the command runs
            guided.executed = await executed(guided, reproduction.script)
        ran = files_of(guided.executed)
        named = {path for path, _ in places(reproduction.failure, guided.workspace.root)}
        if not ran | named <= guided.sources.keys():
            guided.sources |= await load_sources(guided, reproduction.failure, ran)
        guided.reproduction = Reproduction(reproduction.failure.command, reproduction.script)
        guided.session.emit(ReproductionFound(command=guided.command, script=guided.script))
        doubtful = reproduction.made_up or reproduction.vague
        ended = await _repair(guided, Target(reproduction.failure, doubtful=doubtful))
        if reproduction.vague and ended.status == "submitted":  # which verifies nothing
            guided.reproduction = None
        if ended.status != "gave_up":
            break
        if doubtful:
            guided.reproduction = None
            ended = None
    guided.executed = frozenset()
    return ended


async def _repair(guided: GuidedState, target: Target) -> Ended:
    """Search for a candidate that passes; one that mends a part of the failures is kept, and the rest searched for."""
    sources, tree, tried = guided.sources, guided.workspace.base_tree, 0
    rewritten: list[str] = []
    for _ in range(_PARTS):
        suspects = await _suspects(guided, target.failure, sources)
        if not suspects:
            return Ended(status="gave_up", reason="neither the failure nor the issue names any code of the repository")
        search = search_for(guided, target, suspects, sources, tree)
        try:
            ended = await search.run()
        except anyio.get_cancelled_exc_class():
            await search.keep()
            raise
        tried += search.trials.count
        chosen = search.chosen()
        if chosen is None:
            if rewritten:
                break
            return ended or Ended(status="gave_up", reason=f"none of {tried} candidates passes the tests")
        await search.trials.place(chosen)
        tree = await guided.workspace.snapshot()
        sources = {**sources, **chosen.files}
        rewritten.append(chosen.title)
        if search.passing:
            return Ended(status="submitted", summary=f"Rewrote {', '.join(rewritten)}; the tests pass.")
        assert search.rest is not None
        target = search.rest
    return Ended(status="submitted", summary=f"Rewrote {', '.join(rewritten)}; some of the failing tests pass now.")


async def _suspects(guided: GuidedState, failure: TestsRan | None, sources: dict[str, str]) -> list[Suspect]:
    guided.session.emit(PhaseBegan(phase="localise"))
    return await rank_by_model(
        guided,
        localise(sources, guided.context.issue.text, failure, guided.workspace.root, guided.ranked, guided.executed),
    )
