"""Which messages of a prompt stay when it is made shorter: whole steps, the latest ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
Size = Callable[[list[Message]], int]
"""Tokens of messages."""


@dataclass(frozen=True)
class Cut:
    """How hard: the share of the prompt's room for the latest steps, and of the summary's for a summary.

    With `last`, the latest step stays even where it is larger than that, up to this share.
    """

    steps: float
    summary: float
    last: float = 0.0


CUTS = (Cut(0.25, 1.0, last=0.4), Cut(0.1, 0.5, last=0.2), Cut(0.0, 0.25))
"""Tried in this order, until one frees enough."""
MIN_FREED_SHARE = 0.2
"""A cut that frees a smaller share of the prompt's tokens is none."""


def split_steps(messages: list[Message]) -> list[list[Message]]:
    """The messages after the opening as steps: a reply, and what came of it. What stands before a reply is a step."""
    steps: list[list[Message]] = []
    for message in messages:
        if message["role"] == "assistant" or not steps:
            steps.append([])
        steps[-1].append(message)
    return steps


def latest_steps(steps: list[list[Message]], cut: Cut, room: int, size: Size) -> list[list[Message]]:
    """The latest steps that stay, whole and in order; `room` is the prompt's, in tokens. They begin with a reply."""
    kept: list[list[Message]] = []
    used = 0
    for step in reversed(steps):
        used += size(step)
        most = cut.steps if kept else max(cut.steps, cut.last)
        if used > most * room or step[0]["role"] != "assistant":
            break
        kept.append(step)
    return kept[::-1]


def append_question(messages: list[Message], question: str, *, own: bool) -> list[Message]:
    """Messages with a question at their end; as a message of its `own`, or where that would be the user's second one
    in a row, at the end of the last."""
    last = messages[-1]
    if own or last["role"] == "assistant":
        return [*messages, {"role": "user", "content": question}]
    return [*messages[:-1], {**last, "content": f"{last['content']}\n\n{question}"}]
