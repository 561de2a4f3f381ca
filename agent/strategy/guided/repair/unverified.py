"""A change that no test asks for, where nothing was found that shows the problem: what replies agree on, if they do.

The result says that it is not verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import anyio

from agent.session.events import Ended, PhaseBegan
from agent.strategy.guided.localise.model_ranking import ranked_suspects
from agent.strategy.guided.localise.sources import load_sources
from agent.strategy.guided.repair.search import Search
from agent.strategy.guided.reproduce.issue_code import issue_scripts
from agent.strategy.guided.schedule import Round
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.trials import Trials

_ROUND = Round("diagnose", (0.2, 0.8, 0.8, 0.8, 0.8))
"""Where nothing fails a small model mostly copies a function, unless it is asked first what is wrong."""
_MAX_SUSPECTS = 2
_MIN_AGREEING = 2  # replies
_NOTHING = "the tests pass, no script was found that shows the problem, and no reply changes anything that passes"


async def propose(guided: GuidedState) -> Ended:
    """What most replies come to, else the best of those about the likeliest suspect; the tests still pass with it."""
    async with guided.workspace.reset_on_cancel():
        scripts = await issue_scripts(guided) if guided.rules.issue_code else []
        if scripts:  # they show nothing, but run what the issue is about
            await guided.trace(scripts[-1])
            await load_sources(guided, None, guided.executed)
    suspects = await ranked_suspects(guided, None, guided.sources)
    searches: list[Search] = []
    try:
        for suspect in suspects[:_MAX_SUSPECTS]:
            guided.session.emit(PhaseBegan(phase="propose", detail=suspect.region.title))
            search = Search(guided, Trials(guided, None, guided.sources, guided.workspace.base_tree), [suspect])
            searches.append(search)
            await search.round(_ROUND, enough=partial(_agree, search))
            if _agree(search) or guided.context.exhausted_budget():
                break
    except anyio.get_cancelled_exc_class():
        if searches:
            await (_best(searches) or searches[-1]).restore_best()
        raise
    best = _best(searches)
    chosen = best.chosen() if best else None
    if best is None or chosen is None:
        reason = guided.context.exhausted_budget()
        return Ended(status="budget", reason=reason) if reason else Ended(status="gave_up", reason=_NOTHING)
    await best.trials.write(chosen)
    await guided.workspace.snapshot()
    agreed = "" if _agree(best) else " The replies did not agree on it."
    return Ended(status="submitted", summary=f"Rewrote {chosen.title}; no test shows whether that helps.{agreed}")


def _best(searches: Sequence[Search]) -> Search | None:
    """The search whose replies agree, else the first that has anything."""
    return next(filter(_agree, searches), None) or next((each for each in searches if each.passing), None)


def _agree(search: Search) -> bool:
    """Whether enough of the candidates that pass come to the same."""
    votes = Counter(each.proposal(search.trials.sources).meaning for each in search.passing)
    return bool(votes) and votes.most_common(1)[0][1] >= _MIN_AGREEING
