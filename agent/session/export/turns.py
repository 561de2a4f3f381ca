"""Events → turns: who said what, each reply with its calls and what they gave, and what happened besides.

Nothing is said twice: of a prompt that begins anew, only what was not in the session before becomes a turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.model.types import ToolCall
from agent.session.events import (
    Event,
    ModelReplied,
    Observed,
    PromptBegan,
    SessionStarted,
    SnapshotTaken,
    ToolCalled,
    UserSaid,
)
from agent.session.records import Record


@dataclass
class Said:
    """A message to the model: `role` is system or user."""

    time: float
    role: str
    content: str


@dataclass
class Replied:
    """A reply with its calls and their results; without a `reply`, calls that the program made.

    `tree` is the workspace's after it, where it changed.
    """

    time: float
    reply: ModelReplied | None
    calls: list[ToolCall]
    results: list[tuple[float, Observed]] = field(default_factory=list)
    tree: str = ""

    def has(self, call_id: str) -> bool:
        """Whether a call of that id is among its own."""
        return any(call.id == call_id for call in self.calls)


@dataclass
class Happened:
    """Anything else."""

    time: float
    event: Event


Turn = Said | Replied | Happened


def turns(records: Iterable[Record]) -> Iterator[Turn]:
    """The turns of a session, in order; each is whole when it comes."""
    fold = _Fold()
    for record in records:
        yield from fold.add(record.time, record.event)
    yield from fold.flush()


class _Fold:
    """Holds the reply whose results are still coming, and what came in between."""

    def __init__(self) -> None:
        self._open: Replied | None = None
        self._behind: list[Turn] = []
        self._seen: set[bytes] = set()
        self._prompts = 0

    def add(self, time: float, event: Event) -> Iterator[Turn]:
        """Take one event; the turns that are whole by it."""
        match event:
            case PromptBegan():
                yield from self.flush()
                yield from self._prompt(time, event)
            case ModelReplied():
                yield from self.flush()
                self._open = Replied(time, event, list(event.tool_calls))
            case ToolCalled():
                yield from self._called(time, event.call)
            case UserSaid():
                self._is_new("user", event.content)
                yield from self._put(Said(time, "user", event.content))
            case Observed():
                yield from self._observed(time, event)
            case SnapshotTaken() if self._open is not None:
                self._open.tree = event.tree
            case SessionStarted():
                pass
            case _:
                yield from self._put(Happened(time, event))

    def flush(self) -> Iterator[Turn]:
        """What is held."""
        if self._open is not None:
            yield self._open
        yield from self._behind
        self._open, self._behind = None, []

    def _put(self, turn: Turn) -> Iterator[Turn]:
        """A turn in its place: behind the reply that is open."""
        if self._open is None:
            yield turn
        else:
            self._behind.append(turn)

    def _called(self, time: float, call: ToolCall) -> Iterator[Turn]:
        """A call about to run; one of no reply's is the program's own."""
        if self._open is not None and self._open.has(call.id):
            return
        if self._open is not None and self._open.reply is None and not self._open.results:
            self._open.calls.append(call)
            return
        yield from self.flush()
        self._open = Replied(time, None, [call])

    def _observed(self, time: float, event: Observed) -> Iterator[Turn]:
        # without native calls, the next prompt has it as the user's text
        self._is_new("user", f"{event.name}:\n{event.content}")
        if self._open is not None and self._open.has(event.call_id):
            self._open.results.append((time, event))
        else:
            yield from self._put(Happened(time, event))

    def _prompt(self, time: float, event: PromptBegan) -> Iterator[Turn]:
        if self._prompts:
            yield Happened(time, event)
        self._prompts += 1
        for message in event.messages:
            role, content = str(message.get("role")), text_of(message.get("content"))
            if role in {"system", "user"} and self._is_new(role, content):
                yield Said(time, role, content)

    def _is_new(self, role: str, content: str) -> bool:
        key = hashlib.sha1(f"{role}\n{content}".encode("utf-8", "replace"), usedforsecurity=False).digest()
        new = key not in self._seen
        self._seen.add(key)
        return new


def text_of(content: Any) -> str:
    """A message's content as text: it is that, or parts with `text`, or nothing."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return str(content or "")
