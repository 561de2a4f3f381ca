"""A change that no test asks for, where nothing was found that shows the problem: what several replies agree on.

The result says that it is not verified.
"""

from __future__ import annotations

from collections import Counter

from agent.session.events import Ended, PhaseBegan
from agent.strategy.choose import meaning
from agent.strategy.localise import localise
from agent.strategy.rounds import Round
from agent.strategy.search import search_for
from agent.strategy.trial import Target
from agent.strategy.work import Work

_ROUND = Round("rewrite", (0.2, 0.8, 0.8, 0.8, 0.8))
_SUSPECTS = 2
_AGREE = 2


async def propose(work: Work) -> Ended:
    """The change that most replies come to, two at least, if the tests still pass with it."""
    nothing = "the tests pass, no script was found that shows the problem, and the replies do not agree on a change"
    suspects = localise(work.sources, work.issue.text, None, str(work.sandbox.workspace.repo), work.ranked)[:_SUSPECTS]
    for suspect in suspects:
        work.session.emit(PhaseBegan(phase="propose", detail=suspect.region.title))
        search = search_for(work, Target(None), [suspect], work.sources, work.base_tree)
        await search.round(_ROUND)
        votes = Counter(meaning(each) for each in search.passing)
        if votes and votes.most_common(1)[0][1] >= _AGREE:
            chosen = search.chosen()
            assert chosen is not None
            await search.trials.place(chosen)
            await work.snapshot()
            return Ended(status="submitted", summary=f"Rewrote {chosen.title}; no test shows whether that helps.")
        if reason := work.exhausted():
            return Ended(status="budget", reason=reason)
    return Ended(status="gave_up", reason=nothing)
