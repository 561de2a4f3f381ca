"""The likeliest suspects by the model's word, where there are many: one short question under a schema."""

from __future__ import annotations

from dataclasses import replace

from agent.model.dialects import loads
from agent.model.schemas import object_of
from agent.model.types import Request
from agent.strategy.guided.localise.suspects import Suspect
from agent.strategy.guided.prompts import ask_of_issue
from agent.strategy.guided.schedule import SUSPECTS
from agent.strategy.guided.state import GuidedState
from prompts import render

_ASKED_ABOUT = 12
_FAR_AHEAD = 2.0
"""A suspect with so many times the next one's score is not asked about."""
_BONUS = (0.5, 0.3)
"""Of the highest score, for the model's first and second choice."""


async def rank_by_model(guided: GuidedState, suspects: list[Suspect]) -> list[Suspect]:
    """The suspects in order, those the model names moved up; without asking where few or one stands out."""
    if (
        len(suspects) <= SUSPECTS
        or suspects[0].score > _FAR_AHEAD * suspects[1].score
        or guided.context.exhausted_budget()
    ):
        return suspects
    asked = suspects[:_ASKED_ABOUT]
    number = {"type": "integer", "minimum": 1, "maximum": len(asked)}
    schema = object_of(likeliest=number, second=number)
    lines = [f"{suspect.region.title}: `{_signature(suspect)}`" for suspect in asked]
    request = Request(
        messages=ask_of_issue(guided, render("guided_rank", suspects=lines)),
        max_tokens=guided.model.reply_tokens(60),
        json_schema=schema,
        sampling=guided.model.sampling(0.0, 0),
    )
    reply = await guided.model.complete_structured(request)
    guided.session.emit(guided.model.reply_event(reply, "rank"))
    found = loads(reply.content)
    named = [found.get("likeliest"), found.get("second")] if isinstance(found, dict) else []
    top = suspects[0].score
    for place, bonus in zip(named, _BONUS, strict=False):
        if isinstance(place, int) and 1 <= place <= len(asked):
            asked[place - 1] = replace(asked[place - 1], score=asked[place - 1].score + bonus * top)
    return sorted(asked, key=lambda suspect: -suspect.score) + suspects[_ASKED_ABOUT:]


def _signature(suspect: Suspect) -> str:
    first = suspect.region.source.strip().split("\n")[0]
    return first[:120]
