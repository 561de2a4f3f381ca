"""The search for a fix: suspects, rounds of questions about them, candidates tried, the best of those that pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import chain, count, cycle
from typing import Any

import anyio

from agent.errors import SweAgentError
from agent.model.types import Reply, Request
from agent.session.events import Ended, PhaseBegan, TestsRan
from agent.strategy.choose import SMALL, Candidate, changed_lines, choose
from agent.strategy.documentation import shortened
from agent.strategy.localise import Suspect, failing_test
from agent.strategy.questions import ask_about, ask_about_all, question, shown_failure
from agent.strategy.regions import Region, rewrite, rewrite_all
from agent.strategy.rounds import CANDIDATES, MORE, PASSING, ROUNDS, SUSPECTS, Round
from agent.strategy.trial import Target, Trials, Verdict
from agent.strategy.vary import vary
from agent.strategy.work import Work
from prompts import render

_MOST_REPLY = 4096  # tokens
_SPARE_TOKENS = (256, 512)  # of a reply beyond its code; the second where it explains, too


@dataclass
class Search:
    """Candidates for one target, until one passes, or one mends a part of what fails."""

    work: Work
    trials: Trials
    suspects: Sequence[Suspect]
    passing: list[Candidate] = field(default_factory=list)
    partly: tuple[Candidate, Target] | None = None  # one that mends a part, and what is left
    _spare: int = PASSING + 1
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def rest(self) -> Target | None:
        """What is left of the target where the chosen candidate mends a part of it."""
        return self.partly[1] if self.partly and not self.passing else None

    def chosen(self) -> Candidate | None:
        """The best candidate that passes; else one that mends a part."""
        if self.passing:
            return choose(self.passing, self.trials.sources)
        return self.partly[0] if self.partly else None

    async def run(self) -> Ended | None:
        """Go through the rounds; the budget's end if it came before any candidate helped. Raises `BackendError`s."""
        for each in chain(ROUNDS, cycle(MORE)):
            if each.view == "vary":
                await self._vary()
            elif await self.round(each, enough=self._enough):
                break
            if self._believed() or self._spent() or (self.passing and self._late()):
                break
        reason = self.work.exhausted()
        return Ended(status="budget", reason=reason) if reason and self.chosen() is None else None

    async def round(self, each: Round, enough: Callable[[], bool] = lambda: False) -> bool:
        """Try the candidates of one round, as long as there is not enough of them; whether there was."""
        names = ", ".join(suspect.region.title for suspect in self.suspects)
        self.work.session.emit(PhaseBegan(phase="repair", detail=f"{names} ({each.view})"))
        async with aclosing(self._candidates(each)) as tries:
            async for _ in tries:
                if enough():
                    return True
        return False

    async def _vary(self) -> None:
        varied = await vary(self.work, self.trials, [suspect.region for suspect in self.suspects])
        self.passing += [varied.picked] if varied.picked else []

    def _believed(self) -> list[Candidate]:
        """Those that pass with nothing in the documentation against them."""
        return [each for each in self.passing if not each.doubts]

    def _enough(self) -> bool:
        """Whether there is a candidate that helps, and no more of them need be compared."""
        if not self.passing:
            return self.partly is not None
        believed = self._believed()
        if not believed:
            return self._late()
        self._spare -= 1
        small = changed_lines(believed[0], self.trials.sources) <= SMALL
        return small or len(believed) >= PASSING or self._spare <= 0 or self._late()

    def _late(self) -> bool:
        """Whether half of a budget is used: no more of it goes into comparing."""
        settings, state = self.work.settings, self.work.session.state
        tokens = settings.max_tokens and state.usage.completion_tokens > settings.max_tokens / 2
        seconds = settings.time_limit and self.work.session.limited_seconds() > settings.time_limit / 2
        return bool(tokens or seconds or state.steps > settings.max_steps / 2)

    def _spent(self) -> bool:
        return self.trials.count >= (self.work.settings.attempts or CANDIDATES) or bool(self.work.exhausted())

    async def _candidates(self, each: Round) -> AsyncGenerator[Verdict, None]:
        """What became of the candidates of a round, one after the other."""
        if each.view == "together":
            together = [suspect.region for suspect in self.suspects if suspect.region.name]
            if len(together) > 1:
                async for tried in self._ask(each, together, len(each.temperatures)):
                    yield tried
            return
        for rank, suspect in enumerate(self.suspects):
            async for tried in self._ask(each, [suspect.region], max(1, len(each.temperatures) - rank)):
                yield tried

    async def _ask(self, each: Round, regions: list[Region], number: int) -> AsyncGenerator[Verdict, None]:
        opening = self._question(each, regions)
        messages = opening
        temperatures = list(each.temperatures[:number])
        written = [_brief(region) if len(regions) == 1 else region.source for region in regions]
        longest = sum(map(len, written)) // 2 + _SPARE_TOKENS[each.view == "diagnose"]
        while temperatures and not self._spent():
            # the first alone, since it is the likeliest; those that need no answer to the one before side by side
            wide = 1 if each.view == "again" or len(temperatures) == number else self.work.backend.server.can.slots
            wanted, temperatures = temperatures[:wide], temperatures[wide:]
            for reply in await self._replies(messages, min(longest, _MOST_REPLY), wanted):
                verdict = await self._try(reply, regions)
                yield verdict
                if each.view == "again" and verdict.ran is not None:
                    messages = self._failed(opening, reply, regions[0], verdict.ran)

    async def _replies(self, messages: list[dict[str, Any]], wanted: int, temperatures: list[float]) -> list[Reply]:
        """A reply for each temperature, asked for side by side; `wanted` is the most tokens of one."""
        most = self.work.reply_tokens(wanted)
        replies: list[Reply | SweAgentError | None] = [None] * len(temperatures)

        async def ask(place: int, temperature: float) -> None:
            sampling = self.work.sampling(temperature, next(self._numbers))
            request = Request(messages=messages, max_tokens=most, sampling=sampling)
            try:  # of those side by side the first is shown while it comes, the others after it
                replies[place] = await self.work.ask(request, on_text=_unseen if place else None)
            except SweAgentError as error:  # out of a task group it would come as a group
                replies[place] = error

        async with anyio.create_task_group() as tasks:
            for place, temperature in enumerate(temperatures):
                tasks.start_soon(ask, place, temperature)
        for reply in replies:
            if isinstance(reply, SweAgentError):
                raise reply
        told = [reply for reply in replies if isinstance(reply, Reply)]
        for place, reply in enumerate(told):
            if place:
                self.work.on_text(reply.content)
            self.work.session.emit(self.work.replied(reply, "repair"))
        return told

    async def _try(self, reply: Reply, regions: list[Region]) -> Verdict:
        """What became of the candidate that a reply comes to."""
        title = ", ".join(region.title for region in regions)
        files = self._files(reply.content, regions)
        if not files:
            self.trials.refuse(title, "not code for this region")
            return Verdict("untried")
        names = tuple(region.short_name for region in regions if region.name)
        candidate = Candidate(self.trials.count + 1, title, files, names=names)
        verdict = await self.trials.run(candidate)
        if verdict.kind == "passes":
            self.passing.append(replace(candidate, doubts=verdict.doubts))
        elif verdict.kind == "better" and verdict.ran is not None:
            left = self.trials.target.names & frozenset(verdict.ran.failures)
            self.partly = candidate, Target(verdict.ran, left)
        return verdict

    def _files(self, content: str, regions: list[Region]) -> dict[str, str]:
        if len(regions) > 1:
            return rewrite_all(self.trials.sources, regions, content)
        text = rewrite(self.trials.sources[regions[0].path], regions[0], content)
        return {} if text is None else {regions[0].path: text}

    def _question(self, each: Round, regions: list[Region]) -> list[dict[str, Any]]:
        work, failure = self.work, self.trials.target.failure
        test = work.reproduction_script or self._failing_test()
        if each.view == "together":
            return ask_about_all(work, self.trials.sources, regions, failure=failure, test=test)
        name = regions[0].short_name
        template = "guided_diagnose" if each.view == "diagnose" else "guided_repair"
        region = regions[0]
        brief = _brief(region)
        source = self.trials.sources[region.path].replace(region.source, brief, 1)
        return ask_about(
            work,
            replace(region, source=brief),
            render(template, name=name),
            source=source,
            failure=failure,
            test=test,
        )

    def _failing_test(self) -> str:
        failure = self.trials.target.failure
        root = str(self.work.sandbox.workspace.repo)
        return failing_test(self.trials.sources, failure, root) if failure else ""

    def _failed(
        self, opening: list[dict[str, Any]], reply: Reply, region: Region, ran: TestsRan
    ) -> list[dict[str, Any]]:
        """The question again, with the last answer and how it failed; the opening stays, so it is not read again."""
        failure = shown_failure(self.work, ran, self.work.budget.prompt // 8)
        shown = render("guided_failed", command=ran.command, failure=failure, name=region.short_name)
        return [*opening, {"role": "assistant", "content": reply.content}, question(shown)]


def _unseen(_: str) -> None:
    """For a text that is shown later."""


def _brief(region: Region) -> str:
    """What is shown of a region to be rewritten."""
    return shortened(region.source) if region.path.endswith(".py") and region.name else region.source


def search_for(
    work: Work, target: Target, suspects: Sequence[Suspect], sources: Mapping[str, str], tree: str
) -> Search:
    """A search from the texts `sources`, which are those of the tree `tree`."""
    return Search(work, Trials(work, target, sources, tree), suspects[:SUSPECTS])
