"""Choosing among changes that the tests don't tell apart: by vote, else by a question to the model, else by size."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence

from agent.model.schemas import object_of
from agent.model.types import Request
from agent.run.run import Run
from agent.text import truncate
from prompts import render

_MOST_COMPARED = 4
_NUMBER = re.compile(r"\d+")


def _lines(patch: str) -> list[str]:
    """The lines a patch takes away or puts in, with its files."""
    return [line for line in patch.splitlines() if line[:1] in {"+", "-"}]


def changed_lines(patch: str) -> int:
    """How many lines a patch takes away or puts in, its files' headers included."""
    return len(_lines(patch))


def normal(patch: str) -> str:
    """The same for patches that differ only in where they stand, in blanks and in blank lines."""
    shown = (line[0] + " ".join(line[1:].split()) for line in _lines(patch))
    return "\n".join(line for line in shown if len(line) > 1)


async def choose(run: Run, patches: Sequence[str]) -> tuple[int, str]:
    """Which of the patches is taken (its place), and why. Raises `BackendError`s."""
    if len(patches) == 1:
        return 0, "the only one"
    votes = Counter(map(normal, patches))
    most = max(votes.values())
    leading = [key for key, count in votes.items() if count == most]
    firsts = [next(at for at, patch in enumerate(patches) if normal(patch) == key) for key in leading]
    if len(firsts) == 1:
        return firsts[0], f"{most} of {len(patches)} made this change"
    firsts.sort(key=lambda at: (changed_lines(patches[at]), at))
    firsts = firsts[:_MOST_COMPARED]
    answer = None if run.context.exhausted_budget() else await _ask(run, [patches[at] for at in firsts])
    if answer is None:
        return firsts[0], "the smallest change"
    return firsts[answer], "chosen by the model from a comparison"


async def _ask(run: Run, patches: Sequence[str]) -> int | None:
    """The model's choice (its place); None where it gave none. They are shown in an order drawn by the seed."""
    order = list(range(len(patches)))
    random.Random(run.model.backend.sampling.seed or 0).shuffle(order)
    room = run.model.budget.prompt
    question = render(
        "compare_changes",
        issue=truncate(run.context.issue.text, room // 4),
        changes=[truncate(patches[at], room // (2 * len(order))) for at in order],
    )
    numbers = list(range(1, len(order) + 1))
    request = Request(
        messages=[{"role": "user", "content": question}],
        max_tokens=min(run.model.budget.reply, 1024),
        json_schema=object_of(choice={"type": "integer", "enum": numbers}),
        sampling=run.model.sampling(0.0, 0),
        slot="side",
    )
    reply = await run.model.complete_structured(request)
    run.session.emit(run.model.reply_event(reply, "compare"))
    found = [int(number) for number in _NUMBER.findall(reply.content[-200:])]
    return order[found[-1] - 1] if found and found[-1] in numbers else None
