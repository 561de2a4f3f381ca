"""Before the window is full: the model sums its steps up in the live prompt, and a shorter prompt takes its place.

docs/decisions/0011-compaction.md has the reasons.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.context import recent_steps as cut
from agent.context.budget import MIN_REPLY_TOKENS, WindowBudget
from agent.context.recent_steps import CUTS, MIN_FREED_SHARE, Cut, Message
from agent.context.summary import (
    CompactionSummary,
    InvalidSummary,
    parse_summary,
    previous_summary,
    render_summary,
    summary_from_activity,
    summary_schema,
)
from agent.errors import BackendError, BackendRefused, BackendUnreachable, ContextOverflow
from agent.model.types import Reply, Request
from agent.run.model_session import UNSUPPORTED_STATUSES
from agent.run.run import Run
from agent.session.events import Compacted, Ended, PromptBegan
from agent.strategy.agent.prompt_state import PromptState
from prompts import render

FAILURES = 2
"""Compactions in a row that freed too little, after which the session stops."""
_WORDS_PER_TOKEN = 0.6
_TEMPLATE = 32  # tokens that a template may put around the request for a summary


@dataclass(frozen=True)
class ShorterPrompt:
    """A prompt that may take the place of the live one; `tokens` is what it has, `kept` how many steps it keeps."""

    messages: list[Message]
    summary: str
    kept: int
    tokens: int
    exact: bool


class Compactor:
    """Keeps one agent's prompt within the window."""

    def __init__(self, run: Run, prompt: PromptState) -> None:
        self._run = run
        self._prompt = prompt
        self._failures = 0  # in a row
        self._refused = 0  # how often the server found the prompt too long since its last reply
        self._overflow = ""  # what it said, until the prompt is shorter

    async def make_room(self) -> Ended | None:
        """Make the prompt shorter if it is time to; the end, where there is no way to go on. Raises `BackendError`s."""
        run = self._run
        if not self._overflow and not await self._is_due():
            return None
        before = run.model.meter.tokens
        if not run.session.transcript.steps:  # nothing can be taken out
            return self._full(before, before) if self._overflow or run.model.room < MIN_REPLY_TOKENS else None
        summary, by, reason = await self._summary()
        shorter, freed = await self._shorten(summary, before)
        self._failures = 0 if freed else self._failures + 1
        if self._failures >= FAILURES or self._room(shorter) < MIN_REPLY_TOKENS:
            return self._full(before, shorter.tokens)
        self._overflow = ""
        self._begin(shorter)
        run.session.emit(Compacted(before=before, after=shorter.tokens, kept=shorter.kept, by=by, reason=reason))
        return None

    def replied(self) -> None:
        """The server took a step's prompt."""
        self._refused = 0

    def overflowed(self, error: ContextOverflow) -> Ended | None:
        """The server refused a step's prompt as too long: it is to be shorter next time. The end, if it was already.

        A window that is smaller than was known is kept to from now on.
        """
        run = self._run
        self._refused += 1
        if self._refused > FAILURES:
            return Ended(status="budget", reason=str(error))
        self._overflow = str(error)
        if error.window and error.window < run.model.budget.window:
            run.context.warn(f"the server's window is {error.window:,} tokens, not {run.model.budget.window:,}")
            run.model.budget = WindowBudget(error.window)
            run.tools.context.observation_tokens = run.model.budget.observation
        run.model.meter.record_overflow(run.model.budget.window)
        return None

    def _full(self, before: int, after: int) -> Ended:
        reason = f"the window of {self._run.model.budget.window} tokens is full"
        if before > after:
            reason += f": of {before:,} tokens no more than {before - after:,} can be freed"
        return Ended(status="budget", reason=self._overflow or reason)

    def _room(self, shorter: ShorterPrompt) -> int:
        most = shorter.tokens if shorter.exact else self._run.model.meter.upper_bound_of(shorter.tokens)
        return self._run.model.budget.window - most

    async def _is_due(self) -> bool:
        """Whether the room has come to the mark; the server counts before that is believed, if it can."""
        run = self._run
        if run.model.room >= run.model.budget.compaction_threshold:
            return False
        if counted := await self._count(run.session.transcript.messages):
            run.model.meter.record_usage(counted, 0)
        return run.model.room < run.model.budget.compaction_threshold

    # ------------------------------------------------------------ the summary

    async def _summary(self) -> tuple[CompactionSummary, Literal["model", "program"], str]:
        """What the steps came to; by whom, and why by the program. Raises `BackendUnreachable`."""
        run = self._run
        transcript = run.session.transcript
        try:
            reply = await self._ask()
        except BackendUnreachable:
            raise  # the next step could not be asked for either; a resumed session has its whole prompt
        except BackendError as error:
            reason = f"no summary was given: {error.message}"
        else:
            try:
                if reply.finish_reason in {"length", "repetition"}:
                    raise InvalidSummary("it was cut off")
                return parse_summary(reply.content, run.model.budget.summary), "model", ""
            except InvalidSummary as error:
                called = reply.calls and not reply.content.strip()
                reason = f"the model's summary was not used: {'it is a tool call' if called else error}"
        return summary_from_activity(transcript.activity, previous_summary(transcript.summary)), "program", reason

    async def _ask(self) -> Reply:
        """The model's reply to the request for a summary, at the end of the live prompt, journalled.

        Raises `BackendError`s.
        """
        run, mode = self._run, self._prompt.policy.mode
        words = int(run.model.budget.summary * _WORDS_PER_TOKEN)
        question = render("request_summary", words=words, json=mode == "constrained")
        messages, tokens = self._summary_prompt(question)
        most = min(run.model.budget.summary, run.model.budget.window - tokens - self._length(question))
        if run.context.settings.max_tokens:
            most = min(most, run.context.settings.max_tokens - run.session.state.totals.usage.completion_tokens)
        if most < MIN_REPLY_TOKENS // 2:
            raise ContextOverflow("there is no room for one")
        request = Request(
            messages=cut.append_question(messages, question, own=mode == "native"),
            max_tokens=most,
            tools=self._tools(),
            json_schema=summary_schema() if mode == "constrained" else None,
            sampling=run.model.backend.sampling,
            slot="own",
        )
        try:
            reply = await run.model.ask(request, on_text=lambda _: None)
        except BackendRefused as error:
            if error.status not in UNSUPPORTED_STATUSES or mode != "native":
                raise
            # some templates take no message of the user's after a result
            messages = cut.append_question(messages, question, own=False)
            reply = await run.model.ask(replace(request, messages=messages), on_text=lambda _: None)
        run.session.emit(run.model.reply_event(reply, "summary"))
        return reply

    def _summary_prompt(self, question: str) -> tuple[list[Message], int]:
        """The messages that the summary is asked for after, and how many tokens they have at the most.

        All of them, if there is room; else without the latest steps, which were not sent yet and so are in no cache.
        """
        run = self._run
        messages, steps = run.session.transcript.messages, cut.split_steps(run.session.transcript.steps)
        needed = self._length(question) + run.model.budget.summary
        tokens = run.model.meter.upper_bound
        while steps and run.model.budget.window - tokens < needed:
            tokens -= run.model.meter.lower_bound_of(self._size(steps.pop()))
        return [*messages[:2], *(message for step in steps for message in step)], max(tokens, 0)

    # ------------------------------------------------------------ the shorter prompt

    async def _shorten(self, summary: CompactionSummary, before: int) -> tuple[ShorterPrompt, bool]:
        """The first cut that frees enough, else the one that frees most; whether it frees enough."""
        run = self._run
        best: ShorterPrompt | None = None
        for each in CUTS[max(self._refused - 1, 0) :]:
            shorter = await self._cut(each, summary)
            if (
                shorter.tokens <= (1 - MIN_FREED_SHARE) * before
                and self._room(shorter) >= run.model.budget.compaction_threshold
            ):
                return shorter, True
            if best is None or shorter.tokens < best.tokens:
                best = shorter
        assert best is not None
        return best, False

    async def _cut(self, how: Cut, summary: CompactionSummary) -> ShorterPrompt:
        run = self._run
        transcript = run.session.transcript
        kept = cut.latest_steps(cut.split_steps(transcript.steps), how, run.model.budget.prompt, self._size)
        text = render_summary(summary, transcript.activity, int(how.summary * run.model.budget.summary))
        system, issue = transcript.opening
        opening = [system, {**issue, "content": issue["content"] + text}]
        messages = [*opening, *(message for step in kept for message in step)]
        counted = await self._count(messages)
        return ShorterPrompt(messages, text, len(kept), counted or self._size(messages, self._tools()), bool(counted))

    def _begin(self, shorter: ShorterPrompt) -> None:
        run = self._run
        began = PromptBegan(
            mode=self._prompt.policy.mode, messages=shorter.messages, reason="compaction", summary=shorter.summary
        )
        run.session.emit(began)
        self._prompt.cache.reset()
        run.model.meter.reset()
        if shorter.exact:
            run.model.meter.record_usage(shorter.tokens, 0)
        else:
            run.model.meter.add(as_json(shorter.messages, self._tools()))

    # ------------------------------------------------------------ sizes

    def _tools(self) -> list[dict[str, Any]]:
        return self._run.tools.registry.schemas() if self._prompt.policy.mode == "native" else []

    def _size(self, messages: list[Message], tools: list[dict[str, Any]] | None = None) -> int:
        return self._run.model.meter.estimate(as_json(messages, tools or []))

    def _length(self, question: str) -> int:
        """What the request for a summary may have, in tokens."""
        return self._run.model.meter.upper_bound_of(self._run.model.meter.estimate(question)) + _TEMPLATE

    async def _count(self, messages: list[Message]) -> int | None:
        return await self._run.model.backend.server.count(messages, self._tools())


def as_json(messages: list[Message], tools: list[dict[str, Any]]) -> str:
    """What a prompt's size is estimated by, where nobody counts it."""
    return json.dumps([messages, *tools], ensure_ascii=False)
