"""A session's events as turns: messages to the model, replies with their calls and results, and other events.

No message is repeated: when a prompt begins anew, only messages that the session did not have before become turns.
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
class MessageTurn:
    """A message to the model; `role` is `system` or `user`."""

    time: float
    role: str
    content: str


@dataclass
class ReplyTurn:
    """A reply with its calls and their results; `reply` is None for calls that the program made.

    `tree` is the workspace's snapshot after it, empty if it did not change.
    """

    time: float
    reply: ModelReplied | None
    calls: list[ToolCall]
    results: list[tuple[float, Observed]] = field(default_factory=list)
    tree: str = ""

    def has(self, call_id: str) -> bool:
        """Whether it has a call of that id."""
        return any(call.id == call_id for call in self.calls)


@dataclass
class EventTurn:
    """Any other event."""

    time: float
    event: Event


Turn = MessageTurn | ReplyTurn | EventTurn


def turns(records: Iterable[Record]) -> Iterator[Turn]:
    """The turns of a session, in order and each complete."""
    fold = _Fold()
    for record in records:
        yield from fold.add(record.time, record.event)
    yield from fold.flush()


class _Fold:
    """Holds back a reply until its results are complete, and the turns that came after it."""

    def __init__(self) -> None:
        self._open: ReplyTurn | None = None
        self._held: list[Turn] = []
        self._seen: set[bytes] = set()
        self._prompts = 0

    def add(self, time: float, event: Event) -> Iterator[Turn]:
        """Fold one event in; yields the turns that are complete now."""
        match event:
            case PromptBegan():
                yield from self.flush()
                yield from self._prompt(time, event)
            case ModelReplied():
                yield from self.flush()
                self._open = ReplyTurn(time, event, list(event.tool_calls))
            case ToolCalled():
                yield from self._called(time, event.call)
            case UserSaid():
                self._is_new("user", event.content)
                yield from self._put(MessageTurn(time, "user", event.content))
            case Observed():
                yield from self._observed(time, event)
            case SnapshotTaken() if self._open is not None:
                self._open.tree = event.tree
            case SessionStarted():
                pass
            case _:
                yield from self._put(EventTurn(time, event))

    def flush(self) -> Iterator[Turn]:
        """Yield the turns that are held back."""
        if self._open is not None:
            yield self._open
        yield from self._held
        self._open, self._held = None, []

    def _put(self, turn: Turn) -> Iterator[Turn]:
        """Yield a turn, or hold it back behind the open reply."""
        if self._open is None:
            yield turn
        else:
            self._held.append(turn)

    def _called(self, time: float, call: ToolCall) -> Iterator[Turn]:
        """A call is about to run; one that no reply has made is the program's own."""
        if self._open is not None and self._open.has(call.id):
            return
        if self._open is not None and self._open.reply is None and not self._open.results:
            self._open.calls.append(call)
            return
        yield from self.flush()
        self._open = ReplyTurn(time, None, [call])

    def _observed(self, time: float, event: Observed) -> Iterator[Turn]:
        # without native calls, the next prompt has it as the user's text
        self._is_new("user", f"{event.name}:\n{event.content}")
        if self._open is not None and self._open.has(event.call_id):
            self._open.results.append((time, event))
        else:
            yield from self._put(EventTurn(time, event))

    def _prompt(self, time: float, event: PromptBegan) -> Iterator[Turn]:
        if self._prompts:
            yield EventTurn(time, event)
        self._prompts += 1
        for message in event.messages:
            role, content = str(message.get("role")), text_of(message.get("content"))
            if role in {"system", "user"} and self._is_new(role, content):
                yield MessageTurn(time, role, content)

    def _is_new(self, role: str, content: str) -> bool:
        key = hashlib.sha1(f"{role}\n{content}".encode("utf-8", "replace"), usedforsecurity=False).digest()
        new = key not in self._seen
        self._seen.add(key)
        return new


def text_of(content: Any) -> str:
    """The text of a message's content, which may be text, a list of parts with `text`, or missing."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return str(content or "")
