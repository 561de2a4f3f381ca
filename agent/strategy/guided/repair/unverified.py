"""A change that no test asks for, where nothing was found that shows the problem: what replies agree on, if they do.

The result says that it is not verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import anyio

from agent.session.events import Ended, PhaseBegan
from agent.strategy.guided.localise.model_ranking import rank_by_model
from agent.strategy.guided.localise.sources import load_sources
from agent.strategy.guided.localise.suspects import Suspect, localise
from agent.strategy.guided.repair.search import Search, search_for
from agent.strategy.guided.reproduce.find import issue_scripts
from agent.strategy.guided.reproduce.tracer import executed, files_of
from agent.strategy.guided.schedule import Round
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.choose import Candidate, meaning
from agent.strategy.guided.validate.trials import Target

_ROUND = Round("diagnose", (0.2, 0.8, 0.8, 0.8, 0.8))
"""Where nothing fails a small model mostly copies a function, unless it is asked first what is wrong."""
_SUSPECTS = 2
_AGREE = 2
_NOTHING = "the tests pass, no script was found that shows the problem, and no reply changes anything that passes"


async def propose(guided: GuidedState) -> Ended:
    """What most replies come to, else the best of those about the likeliest suspect; the tests still pass with it."""
    async with guided.workspace.reset_on_cancel():
        suspects = await _suspects(guided)
    searches: list[Search] = []
    try:
        for suspect in suspects[:_SUSPECTS]:
            guided.session.emit(PhaseBegan(phase="propose", detail=suspect.region.title))
            searches.append(search_for(guided, Target(None), [suspect], guided.sources, guided.workspace.base_tree))
            await searches[-1].round(_ROUND, enough=partial(_agree, searches[-1].passing))
            if _agree(searches[-1].passing) or guided.context.exhausted_budget():
                break
    except anyio.get_cancelled_exc_class():
        if searches:
            await (_best(searches) or searches[-1]).keep()
        raise
    best = _best(searches)
    chosen = best.chosen() if best else None
    if best is None or chosen is None:
        reason = guided.context.exhausted_budget()
        return Ended(status="budget", reason=reason) if reason else Ended(status="gave_up", reason=_NOTHING)
    await best.trials.place(chosen)
    await guided.workspace.snapshot()
    agreed = "" if _agree(best.passing) else " The replies did not agree on it."
    return Ended(status="submitted", summary=f"Rewrote {chosen.title}; no test shows whether that helps.{agreed}")


async def _suspects(guided: GuidedState) -> list[Suspect]:
    """The suspects by the issue, and by what its code runs."""
    root = guided.workspace.root
    scripts = await issue_scripts(guided)
    ran = await executed(guided, scripts[-1]) if scripts else frozenset()
    if ran:
        guided.sources |= await load_sources(guided, None, files_of(ran))
    return await rank_by_model(
        guided, localise(guided.sources, guided.context.issue.text, None, root, guided.ranked, ran)
    )


def _best(searches: Sequence[Search]) -> Search | None:
    """The search whose replies agree, else the first that has anything."""
    agreed = next((each for each in searches if _agree(each.passing)), None)
    return agreed or next((each for each in searches if each.passing), None)


def _agree(passing: list[Candidate]) -> bool:
    """Whether enough of the candidates that pass come to the same."""
    votes = Counter(meaning(each) for each in passing)
    return bool(votes) and votes.most_common(1)[0][1] >= _AGREE
