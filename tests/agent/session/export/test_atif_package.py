"""Exports hold before the models of the package `atif`, which is of the format's version 1.8."""

from __future__ import annotations

from typing import Any

import pytest
from atif import Trajectory
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import FIRST, backend, call, finished, prompt, ran, record, reply, result, started

from agent.session.events import Event, Observed, SetupRan, UserSaid, Warned
from agent.session.export import export_session
from agent.session.export.atif import atif
from agent.session.export.masking import Mask
from agent.session.records import Record


def validated(*events: Event) -> Trajectory:
    records = [Record(number, 1_769_869_501.25 + number, event) for number, event in enumerate(events)]
    return Trajectory.model_validate_json("".join(atif(records, Mask())))


def test_a_session_on_disk(tmp_path: Any) -> None:
    trajectory = Trajectory.model_validate_json(b"".join(export_session(record(tmp_path, FIRST), "atif")))
    assert trajectory.schema_version == "ATIF-v1.8"
    assert [step.source for step in trajectory.steps if step.tool_calls] == ["agent", "agent"]
    assert trajectory.final_metrics is not None
    assert trajectory.final_metrics.total_steps == len(trajectory.steps)


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_session_cut_anywhere(cut: int) -> None:
    events = finished(FIRST)
    validated(*events[: min(cut, len(events))])


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.sampled_from(["c1", "c2", "c3"])
CALLS = st.builds(call, IDS, TEXT, st.one_of(TEXT, st.just('{"a": NaN, "b": "\\ud800"}'), st.just("{}")))
EVENTS = st.one_of(
    st.builds(reply, TEXT, CALLS, CALLS),
    st.builds(lambda made: ran(made, "x")[0], CALLS),
    st.builds(Observed, call_id=IDS, name=TEXT, ok=st.booleans(), content=TEXT),
    st.builds(UserSaid, content=TEXT),
    st.builds(Warned, message=TEXT),
    st.just(SetupRan(command="c", exit_code=1, seconds=1.0, output="o")),
    st.builds(lambda content: prompt(("system", content), ("user", content)), TEXT),
    st.just(backend("other")),
    st.just(result(FIRST)),
    st.just(started(FIRST)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_any_events(events: list[Event]) -> None:
    validated(*events)
