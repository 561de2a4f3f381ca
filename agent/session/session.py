"""A running session: every event goes through `emit`, and state, transcript and subscribers follow from it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.model.types import Usage
from agent.session.events import (
    AttemptBegan,
    CandidateMade,
    Event,
    ModelReplied,
    Observed,
    Seconds,
    SetupRan,
    SnapshotTaken,
    StrategyChanged,
    TestsRan,
)
from agent.session.journal import Journal
from agent.session.transcript import Transcript

Subscriber = Callable[[Event], None]
KEPT_CANDIDATES = 12
"""The state keeps so many candidates, the latest ones."""


@dataclass
class State:
    """What the events so far add up to: a fold over the journal."""

    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    candidates: int = 0
    tried: deque[CandidateMade] = field(default_factory=lambda: deque(maxlen=KEPT_CANDIDATES))
    attempts: int = 0
    changes: list[StrategyChanged] = field(default_factory=list)
    tree: str = ""  # the workspace's last one; empty is the base commit's

    def add(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, ModelReplied):
            self.steps += 1
            self.usage = self.usage + event.usage
            self.model_seconds += event.seconds
        elif isinstance(event, Observed | TestsRan | SetupRan):
            self.tool_seconds += event.seconds
        elif isinstance(event, CandidateMade):
            self.candidates += 1
            self.tried.append(event)
        elif isinstance(event, AttemptBegan):
            self.attempts += 1
            self.tree = ""
        elif isinstance(event, StrategyChanged):
            self.changes.append(event)
        elif isinstance(event, SnapshotTaken):
            self.tree = event.tree


class Session:
    """Journal first, then everything that relies on it."""

    def __init__(self, session_id: str, journal: Journal, subscribers: Iterable[Subscriber] = ()) -> None:
        self.id = session_id
        self.state = State()
        self.transcript = Transcript()
        self._journal = journal
        self._subscribers = list(subscribers)
        self._started = time.monotonic()
        for event in journal.events:
            self._fold(event)

    def _fold(self, event: Event) -> None:
        self.state.add(event)
        self.transcript.add(event)

    def emit(self, *events: Event) -> None:
        """Write events to disk, then let everyone know. Raises `JournalWriteFailed`."""
        self._journal.append(*events)
        for event in events:
            self._fold(event)
            for subscriber in self._subscribers:
                subscriber(event)

    def seconds(self) -> Seconds:
        """Where the time of this process went."""
        total = time.monotonic() - self._started
        model, tools = self.state.model_seconds, self.state.tool_seconds
        own = max(total - model - tools, 0.0)
        return Seconds(total=round(total, 3), model=round(model, 3), tools=round(tools, 3), own=round(own, 3))
