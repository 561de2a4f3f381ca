"""The search for a fix: rounds of questions about the suspects, candidates tried, the best of those that pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count

import anyio

from agent.code.regions import Region
from agent.model.schemas import object_of
from agent.session.events import Ended, PhaseBegan
from agent.strategy.guided import schedule
from agent.strategy.guided.localise.suspects import Suspect
from agent.strategy.guided.repair.line_ranges import LineRange, choosable_lines, range_around, rewrite_range
from agent.strategy.guided.repair.mutation_run import passing_mutation
from agent.strategy.guided.repair.repair_prompts import RepairPrompts, brief, is_long
from agent.strategy.guided.repair.replies import Replies
from agent.strategy.guided.repair.rewrites import rewrite
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.state import GuidedState, answer_of
from agent.strategy.guided.validate.candidates import Candidate, Verdict
from agent.strategy.guided.validate.trials import Trials
from agent.strategy.patch_selection import leading

_MAX_REPLY = 4096  # tokens
_SPARE_TOKENS, _DIAGNOSIS_TOKENS = 256, 512
"""Of a reply beyond its code; the second where it explains, too."""
_CHARACTERS_PER_TOKEN = 2  # of code, at least
_LINE_TOKENS = 200
_MAX_RANGES = 2
"""Ranges of a long function that are tried in a round."""
_MAX_COPIES = 2
"""Replies on end that change nothing, before it is something else's turn."""


@dataclass
class Search:
    """Candidates for one reproduction, until one passes, or one mends a part of what fails."""

    guided: GuidedState
    trials: Trials
    suspects: Sequence[Suspect]
    passing: list[Candidate] = field(default_factory=list)
    partial: tuple[Candidate, Reproduction] | None = None
    """A candidate that mends a part of the failures, and what is left of them."""
    _tried_since: int = 0  # candidates, since one passed that the documentation does not speak against
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        reproduction = self.trials.reproduction
        failure = reproduction.failure if reproduction else None
        self._prompts = RepairPrompts(self.guided, self.trials.sources, failure)
        self._replies = Replies(self.guided, self._numbers)

    def chosen(self) -> Candidate | None:
        """The best candidate that passes; else one that mends a part."""
        if self.passing:
            return self.passing[leading([each.proposal(self.trials.sources) for each in self.passing])[0]]
        return self.partial[0] if self.partial else None

    async def restore_best(self) -> None:
        """Leave the best candidate so far in the workspace, where the time is over before the search is.

        Nothing is left of one that was being tried, since no test has said anything of it.
        """
        chosen = self.chosen()
        with anyio.CancelScope(shield=True):
            await self.guided.workspace.snapshots.restore(self.trials.tree)
            if chosen is not None:
                await self.trials.write(chosen)
        if chosen is not None:
            ending = Ended(
                status="submitted",
                summary=f"Rewrote {chosen.title}, when the time was over.",
                by_trying=chosen.is_guess,
            )
            self.guided.run.best.use_workspace(ending)  # what was there before this search does not pass

    async def run(self) -> Ended | None:
        """Go through the rounds; the budget's end if it came before any candidate helped. Raises `BackendError`s."""
        for each in schedule.rounds(self.guided.rules):
            if each.view == "mutate":
                await self._mutate()
            elif await self.round(each, enough=self._enough):
                break
            late = self.guided.half_budget_used()
            if self._undoubted() or self._out_of_budget() or (late and (self.passing or self._is_doubtful)):
                break
        reason = self.guided.context.exhausted_budget()
        return Ended(status="budget", reason=reason) if reason and self.chosen() is None else None

    async def round(self, each: schedule.Round, enough: Callable[[], bool] = lambda: False) -> bool:
        """Try the candidates of one round, as long as there is not enough of them; whether there was."""
        titles = ", ".join(suspect.region.title for suspect in self.suspects)
        in_lines = any(self._in_lines(each, suspect.region) for suspect in self.suspects)
        view = "rewrite" if each.view == "lines" and not in_lines else each.view
        self.guided.session.emit(PhaseBegan(phase="repair", detail=f"{titles} ({view})"))
        async with aclosing(self._candidates(each)) as tries:
            async for _ in tries:
                if enough():
                    return True
        return False

    async def _mutate(self) -> None:
        script = self.guided.required.script
        if self._is_doubtful or (script and "assert" not in script):
            return  # where all that counts is that something changes, or no error is raised, almost anything passes
        found = await passing_mutation(self.guided, self.trials, [suspect.region for suspect in self.suspects])
        self.passing += [found] if found else []

    @property
    def _is_doubtful(self) -> bool:
        """Whether half of the budget is enough for what is searched for."""
        reproduction = self.trials.reproduction
        return reproduction is not None and reproduction.certainty != "sure"

    def _undoubted(self) -> list[Candidate]:
        """Those that pass with nothing in the documentation against them."""
        return [each for each in self.passing if not each.failing_examples]

    def _enough(self) -> bool:
        """Whether there is a candidate that helps, and no more of them need be compared."""
        late, undoubted = self.guided.half_budget_used(), self._undoubted()
        if not self.passing:
            return self.partial is not None or (late and self._is_doubtful)
        if not undoubted:
            return late
        self._tried_since += 1
        small = undoubted[0].proposal(self.trials.sources).size <= schedule.SMALL_CHANGE or not self.guided.rules.vote
        return small or late or len(undoubted) >= schedule.MAX_COMPARED or self._tried_since > schedule.MAX_COMPARED

    def _out_of_budget(self) -> bool:
        limit = self.guided.context.settings.attempts or schedule.MAX_CANDIDATES
        return self.trials.count >= limit or bool(self.guided.context.exhausted_budget())

    def _in_lines(self, each: schedule.Round, region: Region) -> bool:
        return self.guided.rules.line_ranges and each.view in schedule.IN_LINES and is_long(region)

    async def _candidates(self, each: schedule.Round) -> AsyncGenerator[Verdict, None]:
        """The verdicts on the candidates of a round, one after the other."""
        for rank, suspect in enumerate(self.suspects):
            region, number = suspect.region, max(1, len(each.temperatures) - rank)
            lines = await self._suspected_lines(each, region) if self._in_lines(each, region) else []
            ranges: list[LineRange | None] = []
            for line in lines:
                found = range_around(region, line)
                if not any(known and known.start == found.start for known in ranges):
                    ranges.append(found)
            ranges = ranges[:_MAX_RANGES] or [None]
            for place, found_range in enumerate(ranges):
                share = -(-number // len(ranges)) if place == 0 else number // len(ranges)
                async for verdict in self._ask(each, region, found_range, share):
                    yield verdict

    async def _suspected_lines(self, each: schedule.Round, region: Region) -> list[int]:
        """Lines of the region: those that the failure went through, the deepest first, then what the model says."""
        found = self._prompts.failed_lines(region)
        known = choosable_lines(region)
        schema = object_of(line={"enum": list(known)})
        for temperature in each.temperatures[: _MAX_RANGES - len(found[:1])] if len(known) > 1 else ():
            if self._out_of_budget():
                break
            messages, number = self._prompts.wrong_line(region), next(self._numbers)
            reply = await self.guided.ask(
                "line", messages, schema=schema, tokens=_LINE_TOKENS, temperature=temperature, number=number
            )
            line = known.get(str(answer_of(reply).get("line")).strip())
            found += [line] if line else []
        return found

    async def _ask(
        self, each: schedule.Round, region: Region, lines: LineRange | None, number: int
    ) -> AsyncGenerator[Verdict, None]:
        """Ask for as many candidates as there are temperatures, at most `number`, and try them."""
        opening = messages = self._prompts.repair(each.view, region, lines)
        temperatures = list(each.temperatures[:number])
        code = lines.source if lines else brief(region)
        spare = _DIAGNOSIS_TOKENS if each.view == "diagnose" else _SPARE_TOKENS
        tokens = min(len(code) // _CHARACTERS_PER_TOKEN + spare, _MAX_REPLY)
        copies = 0
        while temperatures and not self._out_of_budget() and copies < self._max_copies:
            # the first alone, since it is the likeliest; those that need no answer to the one before side by side
            alone = each.view == "again" or len(temperatures) == number
            wide = 1 if alone else self._replies.side_by_side()
            asked, temperatures = temperatures[:wide], temperatures[wide:]
            for reply in await self._replies.ask(messages, tokens, asked):
                verdict = await self._try(reply.content, region, lines)
                copies = copies + 1 if verdict.outcome in {"unchanged", "refused"} else 0
                yield verdict
                if each.view == "again" and verdict.ran is not None:
                    messages = self._prompts.again(opening, reply.content, region, lines, verdict.ran)

    @property
    def _max_copies(self) -> int:
        """A function alone may take more, where a failure shows that it is wrong."""
        return schedule.MAX_CANDIDATES if len(self.suspects) == 1 and self.trials.reproduction else _MAX_COPIES

    async def _try(self, reply: str, region: Region, lines: LineRange | None) -> Verdict:
        """The verdict on the candidate that a reply comes to."""
        source = self.trials.sources[region.path]
        text = rewrite_range(source, lines, reply) if lines else rewrite(source, region, reply)
        if text is None:
            return self.trials.refuse(region.title)
        names = (region.short_name,) if region.name else ()
        candidate = Candidate(region.title, {region.path: text}, names)
        verdict = await self.trials.run(candidate)
        if verdict.outcome == "passes":
            self.passing.append(replace(candidate, failing_examples=verdict.failing_examples))
        elif verdict.outcome == "better" and verdict.ran is not None and self.trials.reproduction:
            left = self.trials.reproduction.tests & frozenset(verdict.ran.failures)
            self.partial = candidate, Reproduction(verdict.ran, tests=left)
        return verdict
