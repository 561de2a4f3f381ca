"""The search for a fix: suspects, rounds of questions about them, candidates tried, the best of those that pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import chain, count, cycle
from typing import Any

import anyio

from agent.code.regions import Region
from agent.errors import SweAgentError
from agent.model.dialects import loads
from agent.model.types import Reply, Request
from agent.session.events import Ended, PhaseBegan
from agent.session.live import TextReceived
from agent.strategy.guided.localise.suspects import Suspect
from agent.strategy.guided.repair.line_ranges import Block, block_round, lines_of, rewrite_block
from agent.strategy.guided.repair.mutation_run import vary
from agent.strategy.guided.repair.repair_prompts import Asking, brief, is_long
from agent.strategy.guided.repair.rewrites import rewrite, rewrite_all
from agent.strategy.guided.schedule import CANDIDATES, IN_LINES, MORE, PASSING, ROUNDS, SUSPECTS, Round
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.choose import SMALL, Candidate, changed_lines, choose
from agent.strategy.guided.validate.trials import Target, Trials, Verdict

_MOST_REPLY = 4096  # tokens
_BLOCKS = 2  # places of a long function that are tried in a round
_COPIES = 2
_SPARE_TOKENS = (256, 512)  # of a reply beyond its code; the second where it explains, too


@dataclass
class Search:
    """Candidates for one target, until one passes, or one mends a part of what fails."""

    guided: GuidedState
    trials: Trials
    suspects: Sequence[Suspect]
    passing: list[Candidate] = field(default_factory=list)
    partly: tuple[Candidate, Target] | None = None  # one that mends a part, and what is left
    _spare: int = PASSING + 1
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _told: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._asking = Asking(self.guided, self.trials.sources, self.trials.target.failure)

    @property
    def rest(self) -> Target | None:
        """What is left of the target where the chosen candidate mends a part of it."""
        return self.partly[1] if self.partly and not self.passing else None

    def chosen(self) -> Candidate | None:
        """The best candidate that passes; else one that mends a part."""
        if self.passing:
            return choose(self.passing, self.trials.sources)
        return self.partly[0] if self.partly else None

    async def keep(self) -> None:
        """Leave the best candidate so far in the workspace, where the time is over before the search is.

        Nothing is left of one that was being tried, since no test has said anything of it.
        """
        chosen = self.chosen()
        with anyio.CancelScope(shield=True):
            await self.guided.workspace.snapshots.restore(self.trials.tree)
            if chosen is not None:
                await self.trials.place(chosen)
        if chosen is not None:
            ending = Ended(status="submitted", summary=f"Rewrote {chosen.title}, when the time was over.")
            self.guided.run.best.use_workspace(ending)  # what was there before this search does not pass

    async def run(self) -> Ended | None:
        """Go through the rounds; the budget's end if it came before any candidate helped. Raises `BackendError`s."""
        for each in chain(ROUNDS, cycle(MORE)):
            if each.view == "vary":
                await self._vary()
            elif await self.round(each, enough=self._enough):
                break
            if self._believed() or self._spent() or self._given_up() or (self.passing and self._late()):
                break
        reason = self.guided.context.exhausted_budget()
        return Ended(status="budget", reason=reason) if reason and self.chosen() is None else None

    async def round(self, each: Round, enough: Callable[[], bool] = lambda: False) -> bool:
        """Try the candidates of one round, as long as there is not enough of them; whether there was."""
        names = ", ".join(suspect.region.title for suspect in self.suspects)
        in_parts = any(is_long(suspect.region) for suspect in self.suspects)
        view = "rewrite" if each.view == "lines" and not in_parts else each.view
        self.guided.session.emit(PhaseBegan(phase="repair", detail=f"{names} ({view})"))
        async with aclosing(self._candidates(each)) as tries:
            async for _ in tries:
                if enough():
                    return True
        return False

    async def _vary(self) -> None:
        script = self.guided.script
        if self.trials.target.doubtful or (script and "assert" not in script):
            return  # where all that counts is that something changes, or no error is raised, almost anything passes
        varied = await vary(self.guided, self.trials, [suspect.region for suspect in self.suspects])
        self.passing += [varied.picked] if varied.picked else []

    def _believed(self) -> list[Candidate]:
        """Those that pass with nothing in the documentation against them."""
        return [each for each in self.passing if not each.doubts]

    def _enough(self) -> bool:
        """Whether there is a candidate that helps, and no more of them need be compared."""
        if not self.passing:
            return self.partly is not None or self._given_up()
        believed = self._believed()
        if not believed:
            return self._late()
        self._spare -= 1
        small = changed_lines(believed[0], self.trials.sources) <= SMALL
        return small or len(believed) >= PASSING or self._spare <= 0 or self._late()

    def _given_up(self) -> bool:
        """Whether a doubtful target has had its share."""
        return self.trials.target.doubtful and not self.passing and self._late()

    def _late(self) -> bool:
        """Whether half of a budget is used: no more of it goes into comparing."""
        settings, state = self.guided.context.settings, self.guided.session.state
        tokens = settings.max_tokens and state.totals.usage.completion_tokens > settings.max_tokens / 2
        seconds = settings.time_limit and self.guided.session.limited_seconds() > settings.time_limit / 2
        return bool(tokens or seconds or state.totals.steps > settings.max_steps / 2)

    def _spent(self) -> bool:
        return self.trials.count >= (self.guided.context.settings.attempts or CANDIDATES) or bool(
            self.guided.context.exhausted_budget()
        )

    async def _candidates(self, each: Round) -> AsyncGenerator[Verdict, None]:
        """What became of the candidates of a round, one after the other."""
        if each.view == "together":
            together = [suspect.region for suspect in self.suspects if suspect.region.name]
            if len(together) > 1:
                async for tried in self._ask(each, together, len(each.temperatures)):
                    yield tried
            return
        for rank, suspect in enumerate(self.suspects):
            number = max(1, len(each.temperatures) - rank)
            if each.view in IN_LINES and is_long(suspect.region):
                async for tried in self._ask_for_lines(each, suspect.region, number):
                    yield tried
                continue
            async for tried in self._ask(each, [suspect.region], number):
                yield tried

    async def _ask_for_lines(self, each: Round, region: Region, number: int) -> AsyncGenerator[Verdict, None]:
        """Candidates that change a few lines, half of them where the failure or the model points first."""
        blocks = [block_round(region, line) for line in await self._lines(each, region)]
        blocks = list({block.start: block for block in blocks}.values())[:_BLOCKS]
        if not blocks:
            async for tried in self._ask(each, [region], number):
                yield tried
        for place, block in enumerate(blocks):
            share = -(-number // len(blocks)) if place == 0 else number // len(blocks)
            async for tried in self._ask(each, [region], share, block):
                yield tried

    async def _lines(self, each: Round, region: Region) -> list[int]:
        """Lines of the region: those that the failure went through, the deepest first, then what the model says."""
        found = self._asking.went_through(region)
        known = lines_of(region)
        temperatures = each.temperatures[: _BLOCKS - len(found[:1])] if len(known) > 1 else ()
        for temperature in temperatures:
            if self._spent():
                break
            sampling = self.guided.model.sampling(temperature, next(self._numbers))
            reply = await self.guided.model.complete_structured(self._asking.for_a_line(region, list(known), sampling))
            self.guided.session.emit(self.guided.model.reply_event(reply, "line"))
            told = loads(reply.content)
            line = known.get(str(told.get("line")).strip()) if isinstance(told, dict) else None
            found += [line] if line else []
        return found

    async def _ask(
        self, each: Round, regions: list[Region], number: int, block: Block | None = None
    ) -> AsyncGenerator[Verdict, None]:
        opening = self._asking.to_repair(each.view, regions, block)
        messages = opening
        temperatures = list(each.temperatures[:number])
        written = [brief(region) if len(regions) == 1 else region.source for region in regions]
        written = [block.source] if block else written
        longest = sum(map(len, written)) // 2 + _SPARE_TOKENS[each.view == "diagnose"]
        copied = 0
        while temperatures and not self._spent() and copied < self._most_copies:
            # the first alone, since it is the likeliest; those that need no answer to the one before side by side
            wide = 1 if each.view == "again" or len(temperatures) == number else self._side_by_side()
            wanted, temperatures = temperatures[:wide], temperatures[wide:]
            for reply in await self._replies(messages, min(longest, _MOST_REPLY), wanted):
                verdict = await self._try(reply, regions, block)
                copied = copied + 1 if verdict.kind == "untried" else 0
                yield verdict
                if each.view == "again" and verdict.ran is not None:
                    messages = self._asking.again(opening, reply, regions[0], block, verdict.ran)

    @property
    def _most_copies(self) -> int:
        """Replies on end that change nothing before something else's turn; a function alone may take more."""
        return CANDIDATES if len(self.suspects) == 1 and self.trials.target.failure else _COPIES

    def _side_by_side(self) -> int:
        """How many replies are asked for at once: one where reading the prompt anew takes longer than a reply."""
        slots = self.guided.model.backend.server.can.slots
        timed = [(reply.usage, reply.timings) for reply in self._told if reply.timings and reply.timings.read]
        if not timed:
            return slots
        most = max((timings for _, timings in timed), key=lambda timings: timings.read)
        usage, last = timed[-1]
        reading = most.read_seconds / most.read * usage.prompt_tokens
        return slots if reading < last.generated_seconds else 1

    async def _replies(self, messages: list[dict[str, Any]], wanted: int, temperatures: list[float]) -> list[Reply]:
        """A reply for each temperature, asked for side by side; `wanted` is the most tokens of one."""
        most = self.guided.model.reply_tokens(wanted)
        replies: list[Reply | SweAgentError | None] = [None] * len(temperatures)

        async def ask(place: int, temperature: float) -> None:
            sampling = self.guided.model.sampling(temperature, next(self._numbers))
            request = Request(messages=messages, max_tokens=most, sampling=sampling)
            try:  # of those side by side the first is shown while it comes, the others after it
                replies[place] = await self.guided.model.ask(request, on_text=_unseen if place else None)
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
                self.guided.session.publish(TextReceived(reply.content))
            self.guided.session.emit(self.guided.model.reply_event(reply, "repair"))
        self._told += told
        return told

    async def _try(self, reply: Reply, regions: list[Region], block: Block | None) -> Verdict:
        """What became of the candidate that a reply comes to."""
        title = ", ".join(region.title for region in regions)
        files = self._files(reply.content, regions, block)
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

    def _files(self, content: str, regions: list[Region], block: Block | None) -> dict[str, str]:
        if len(regions) > 1:
            return rewrite_all(self.trials.sources, regions, content)
        source = self.trials.sources[regions[0].path]
        text = rewrite_block(source, block, content) if block else rewrite(source, regions[0], content)
        return {} if text is None else {regions[0].path: text}


def _unseen(_: str) -> None:
    """For a text that is shown later."""


def search_for(
    guided: GuidedState, target: Target, suspects: Sequence[Suspect], sources: Mapping[str, str], tree: str
) -> Search:
    """A search from the texts `sources`, which are those of the tree `tree`."""
    return Search(guided, Trials(guided, target, sources, tree), suspects[:SUSPECTS])
