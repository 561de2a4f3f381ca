"""The suspects in order, by the ranking and by the model's choice: where there are many, one short question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.model.schemas import object_of
from agent.session.events import PhaseBegan, TestsRan
from agent.strategy.guided.localise.suspects import Suspect, find_suspects
from agent.strategy.guided.prompts import about_issue
from agent.strategy.guided.schedule import MAX_SUSPECTS
from agent.strategy.guided.state import GuidedState, answer_of
from prompts import render

_MAX_SHOWN = 12
_FAR_AHEAD = 2.0
"""A first suspect with so many times the second's score is not asked about. Chosen, not measured."""
_BONUSES = (0.5, 0.3)
"""Of the highest score, for the model's first and second choice. Chosen, not measured."""
_ANSWER_TOKENS = 60
_MAX_SIGNATURE = 120  # characters


async def ranked_suspects(guided: GuidedState, failure: TestsRan | None, sources: Mapping[str, str]) -> list[Suspect]:
    """Where the cause may be in `sources`, the likeliest first. Raises `BackendError`s.

    Those that the model names are moved up; it is not asked where there are few, or one is far ahead.
    """
    guided.session.emit(PhaseBegan(phase="localise"))
    root = guided.workspace.root
    suspects = find_suspects(guided.index, sources, guided.issue, failure, root, guided.executed)
    clear = len(suspects) <= MAX_SUSPECTS or suspects[0].score > _FAR_AHEAD * suspects[1].score
    if clear or not guided.rules.model_ranking or guided.context.exhausted_budget():
        return suspects
    shown = suspects[:_MAX_SHOWN]
    number = {"type": "integer", "minimum": 1, "maximum": len(shown)}
    lines = [f"{each.region.title}: `{_signature(each)}`" for each in shown]
    messages = about_issue(guided, render("guided_rank", suspects=lines))
    schema = object_of(likeliest=number, second=number)
    answer = answer_of(await guided.ask("rank", messages, schema=schema, tokens=_ANSWER_TOKENS))
    top = suspects[0].score
    for key, bonus in zip(("likeliest", "second"), _BONUSES, strict=True):
        at = answer.get(key)
        if isinstance(at, int) and 1 <= at <= len(shown):
            shown[at - 1] = replace(shown[at - 1], score=shown[at - 1].score + bonus * top)
    return sorted(shown, key=lambda suspect: -suspect.score) + suspects[_MAX_SHOWN:]


def _signature(suspect: Suspect) -> str:
    return suspect.region.source.strip().split("\n")[0][:_MAX_SIGNATURE]
