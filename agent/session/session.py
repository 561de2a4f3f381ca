"""A running session: every event goes through `emit`, and state, transcript and subscribers follow from it."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence

from agent.session.events import AttemptEnded, Ended, Event, Result, Resumed, Seconds, StrategyChanged
from agent.session.journal import Journal
from agent.session.live import LiveEvent, TextReceived
from agent.session.patch_store import PatchStore
from agent.session.redaction import TextRedaction, redacted, redacted_live
from agent.session.state import State
from agent.session.transcript import Transcript

Subscriber = Callable[[Event | LiveEvent], None]
"""Whoever watches a session: one stream of what is journalled and of what only goes by."""


def only_journalled(subscriber: Callable[[Event], None]) -> Subscriber:
    """A subscriber that is given what is journalled, and nothing that only goes by."""

    def subscribe(event: Event | LiveEvent) -> None:
        if not isinstance(event, LiveEvent):
            subscriber(event)

    return subscribe


class Session:
    """Journal first, then everything that relies on it."""

    def __init__(self, session_id: str, journal: Journal, subscribers: Iterable[Subscriber] = ()) -> None:
        self.id = session_id
        self.state = State()
        self.transcript = Transcript()
        self._journal = journal
        self._patches = PatchStore(journal.path.parent)
        self._subscribers = list(subscribers)
        self._text = TextRedaction()
        self._started = time.monotonic()
        for event in journal.events:
            self._fold(event)

    def _fold(self, event: Event) -> None:
        self.state.add(event)
        self.transcript.add(event)

    def emit(self, *events: Event) -> None:
        """Write events to disk in one go, then let everyone know. Raises `JournalWriteFailed`.

        Known secrets are masked in what is written and told; what follows in this process has the events as they are.
        A patch may contain what is masked, so its bytes are stored beside the journal first.
        """
        if not events:
            return
        told = [redacted(event) for event in events]
        for event, shown in zip(events, told, strict=True):
            self._store_patch(event, shown)
        self._journal.append(*told)
        self._tell(self._text.end())
        for event, shown in zip(events, told, strict=True):
            self._fold(event)
            for subscriber in self._subscribers:
                subscriber(shown)

    def _store_patch(self, event: Event, shown: Event) -> None:
        """Store the patch that an event has, by the text of it that is journalled. Raises `JournalWriteFailed`."""
        match event, shown:
            case (
                (Result() | Ended() | AttemptEnded() | StrategyChanged()),
                (Result() | Ended() | AttemptEnded() | StrategyChanged()),
            ) if event.patch:
                whole = event.patch_base64 if isinstance(event, Result) else None
                self._patches.write_original(shown.patch, b64decode(whole) if whole else event.patch.encode())

    def publish(self, event: LiveEvent) -> None:
        """Let everyone who watches know of something that is not journalled."""
        self._tell(self._text.add(event) if isinstance(event, TextReceived) else [redacted_live(event)])

    def _tell(self, events: Sequence[LiveEvent]) -> None:
        for event in events:
            for subscriber in self._subscribers:
                subscriber(event)

    def earlier_seconds(self) -> float:
        """How long the processes before this one worked on the session, by their results, else by the clock's times."""
        if self.state.result is not None:
            return self.state.result.seconds.total
        events, times = self._journal.events, self._journal.times
        last = max((at for at, event in enumerate(events) if isinstance(event, Resumed)), default=0)
        return self.state.totals.earlier_seconds + max(times[-1] - times[last], 0.0) if times else 0.0

    def limited_seconds(self) -> float:
        """What a time limit counts: all processes' time but that of finding or starting the model."""
        return self.state.totals.earlier_seconds + time.monotonic() - self._started - self.state.totals.backend_seconds

    def seconds(self) -> Seconds:
        """Where the time went, of all processes that worked on the session."""
        total = self.state.totals.earlier_seconds + time.monotonic() - self._started
        model, tools = self.state.totals.model_seconds, self.state.totals.tool_seconds
        own = max(total - model - tools, 0.0)
        return Seconds(total=round(total, 3), model=round(model, 3), tools=round(tools, 3), own=round(own, 3))
