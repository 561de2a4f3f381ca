"""A change that no test asks for, where nothing was found that shows the problem: what several replies agree on.

The result says that it is not verified.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from agent.session.events import Ended, PhaseBegan
from agent.strategy.choose import Candidate, meaning
from agent.strategy.executed import executed, files_of
from agent.strategy.localise import localise
from agent.strategy.ranking import rank_by_model
from agent.strategy.reproduce import issue_scripts
from agent.strategy.rounds import Round
from agent.strategy.search import search_for
from agent.strategy.sources import load_sources
from agent.strategy.trial import Target
from agent.strategy.work import Work

_ROUND = Round(
    "diagnose", (0.2, 0.8, 0.8, 0.8, 0.8)
)  # with nothing that fails a function is mostly copied, unless asked why
_SUSPECTS = 2
_AGREE = 2


async def propose(work: Work) -> Ended:
    """The change that most replies come to, two at least, if the tests still pass with it."""
    nothing = "the tests pass, no script was found that shows the problem, and the replies do not agree on a change"
    root = str(work.sandbox.workspace.repo)
    scripts = await issue_scripts(work)
    ran = await executed(work, scripts[-1]) if scripts else frozenset()
    if ran:
        work.sources |= await load_sources(work, None, files_of(ran))
    suspects = await rank_by_model(work, localise(work.sources, work.issue.text, None, root, work.ranked, ran))
    for suspect in suspects[:_SUSPECTS]:
        work.session.emit(PhaseBegan(phase="propose", detail=suspect.region.title))
        search = search_for(work, Target(None), [suspect], work.sources, work.base_tree)
        await search.round(_ROUND, enough=partial(_agree, search.passing))
        if _agree(search.passing):
            chosen = search.chosen()
            assert chosen is not None
            await search.trials.place(chosen)
            await work.snapshot()
            return Ended(status="submitted", summary=f"Rewrote {chosen.title}; no test shows whether that helps.")
        if reason := work.exhausted():
            return Ended(status="budget", reason=reason)
    return Ended(status="gave_up", reason=nothing)


def _agree(passing: list[Candidate]) -> bool:
    """Whether enough of the candidates that pass come to the same."""
    votes = Counter(meaning(each) for each in passing)
    return bool(votes) and votes.most_common(1)[0][1] >= _AGREE
