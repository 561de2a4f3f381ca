"""What the events of a session add up to."""

from __future__ import annotations

from pathlib import Path

from recorded import backend

from agent.model.types import Usage
from agent.session.events import (
    AttemptBegan,
    CandidateMade,
    Event,
    ModelReplied,
    PromptBegan,
    Resumed,
    SnapshotTaken,
    StrategyChanged,
    UserSaid,
)
from agent.session.journal import Journal
from agent.session.session import Session
from agent.session.state import KEPT_CANDIDATES, State
from agent.session.transcript import Transcript


def state_of(*events: Event) -> State:
    state = State()
    for event in events:
        state.add(event)
    return state


def test_an_attempt_begins_at_the_base_commit_and_the_budgets_go_on() -> None:
    reply = ModelReplied(content="", usage=Usage(completion_tokens=7))
    state = state_of(AttemptBegan(number=1, of=2), reply, SnapshotTaken(tree="t"), AttemptBegan(number=2, of=2), reply)
    assert (state.workspace.tree, state.attempts.count, state.totals.steps, state.totals.usage.completion_tokens) == (
        "",
        2,
        2,
        14,
    )


def test_a_time_limit_does_not_count_what_the_models_start_took(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        session = Session("name", journal)
        session.emit(
            Resumed(session_id="name", version="1", interrupted="", seconds=500),
            backend(seconds=100),
            backend(seconds=300),
        )
        assert 100 <= session.limited_seconds() <= session.seconds().total - 399


def test_an_attempts_prompt_has_nothing_of_the_one_before() -> None:
    opening = [{"role": "system", "content": "s"}]
    began = PromptBegan(mode="native", messages=opening)
    events = [AttemptBegan(number=1, of=2), began, UserSaid(content="x"), AttemptBegan(number=2, of=2), began]
    assert Transcript.of(events).messages == opening


def test_the_latest_candidates_and_all_changes_of_strategy_are_kept() -> None:
    made = [CandidateMade(number=n, region="f", verdict="fails") for n in range(3 * KEPT_CANDIDATES)]
    change = StrategyChanged(before="guided", after="agent", reason="none passes")
    state = state_of(*made, change)
    assert state.guided.candidates == len(made)
    assert list(state.guided.tried) == made[-KEPT_CANDIDATES:]
    assert state.strategy_changes == [change]
