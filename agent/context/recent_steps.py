"""Which messages of a prompt are kept when it is compacted: the latest steps, each as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
Size = Callable[[list[Message]], int]
"""Returns the tokens of messages."""


@dataclass(frozen=True)
class Cut:
    """How much is kept: `steps` and `summary` are shares, from 0 to 1, of the prompt's and of the summary's budget.

    The latest step is kept if it fits into the share `last`, even if that is larger than `steps`.
    """

    steps: float
    summary: float
    last: float = 0.0


CUTS = (Cut(0.25, 1.0, last=0.4), Cut(0.1, 0.5, last=0.2), Cut(0.0, 0.25))
"""From mild to hard; tried in this order until one frees enough."""
MIN_FREED_SHARE = 0.2
"""A cut that frees a smaller share of the prompt's tokens does not count."""


def split_steps(messages: list[Message]) -> list[list[Message]]:
    """The messages after the opening as steps: a reply with its results. Messages before the first reply are a step."""
    steps: list[list[Message]] = []
    for message in messages:
        if message["role"] == "assistant" or not steps:
            steps.append([])
        steps[-1].append(message)
    return steps


def latest_steps(steps: list[list[Message]], cut: Cut, room: int, size: Size) -> list[list[Message]]:
    """The latest steps that a cut keeps, in order, from a reply on; `room` is the prompt's budget in tokens."""
    kept: list[list[Message]] = []
    used = 0
    for step in reversed(steps):
        used += size(step)
        share = cut.steps if kept else max(cut.steps, cut.last)
        if used > share * room or step[0]["role"] != "assistant":
            break
        kept.append(step)
    return kept[::-1]


def append_question(messages: list[Message], question: str, *, own: bool) -> list[Message]:
    """Messages with a question appended.

    It is a message of its own if `own` is true or the last message is a reply; else it is appended to the last message,
    since chat templates may refuse two user messages in a row.
    """
    last = messages[-1]
    if own or last["role"] == "assistant":
        return [*messages, {"role": "user", "content": question}]
    return [*messages[:-1], {**last, "content": f"{last['content']}\n\n{question}"}]
