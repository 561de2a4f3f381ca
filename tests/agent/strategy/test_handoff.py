"""A strategy that goes nowhere hands over to the other, once, where the user left the choice open."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from doubles import LlamaCppDouble
from working import FIX, SUBMIT, call, calls, work

from agent.recovery.progress import LIMITS
from agent.recovery.stuck import STOP_AT
from agent.run.run import Run
from agent.session.events import CandidateMade, Ended
from agent.strategy import handoff as handover
from agent.strategy.guided.state import GuidedState

STUCK = call("search", pattern="nothing_like_this")
WRONG = call("edit_file", path="calc.py", old="return a - b", new="return a * b")
RIGHT = '```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```'


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


class Model:
    """Makes calls where tools are offered, one after the other (the last repeats), and answers questions with a text."""

    def __init__(self, *made: tuple[str, str], answer: str = "") -> None:
        self._made = list(made)
        self._answer = answer

    def __call__(self, body: dict[str, Any]) -> Any:
        if "tools" not in body:
            return self._answer
        return calls(self._made.pop(0) if len(self._made) > 1 else self._made[0])


def test_an_agent_that_is_stuck_hands_over_to_guided(tmp_path: Path) -> None:
    with LlamaCppDouble(Model(WRONG, STUCK, answer=RIGHT)) as double:
        worked = work(double, tmp_path, strategy="auto")
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.strategy == "agent+guided"
    (change,) = worked.of("strategy_changed")
    assert (change.before, change.after) == ("agent", "guided") and str(STOP_AT) in change.reason
    assert "a * b" not in worked.result.patch  # guided began at the base commit


def test_edits_that_fail_again_and_again_hand_over_too(tmp_path: Path) -> None:
    failing = [
        call("edit_file", path="calc.py", old=f"no such line {n}", new="x") for n in range(LIMITS["failed"].stop)
    ]
    with LlamaCppDouble(Model(*failing, answer=RIGHT)) as double:
        worked = work(double, tmp_path, strategy="auto")
    assert worked.result.status == "fixed", worked.result.error
    assert "edits in a row failed" in worked.of("strategy_changed")[0].reason
    told = [number for number, each in enumerate(worked.observed, 1) if "edits in a row have failed" in each.content]
    assert told == [LIMITS["failed"].nudge + 1, LIMITS["failed"].change + 1]


async def gives_up(guided: GuidedState) -> Ended:
    """Guided that tries one candidate, in the repository's state that it was given."""
    seen = (await guided.workspace.sandbox.exec("cat calc.py")).output.text()
    guided.session.emit(CandidateMade(number=1, region="add in calc.py", verdict=f"fails, {'a - b' in seen}"))
    return Ended(status="gave_up", reason="no candidate passes")


def test_where_guided_fails_as_well_the_agents_change_is_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "work_as_guided", gives_up)
    with LlamaCppDouble(Model(WRONG, STUCK)) as double:
        worked = work(double, tmp_path, strategy="auto")
    assert worked.result.status == "unverified"
    assert "return a * b" in worked.result.patch
    assert worked.of("candidate_made")[0].verdict == "fails, True"  # it began at the base commit
    (ended,) = worked.of("ended")
    assert "the same call was made" in ended.reason and "guided: no candidate passes" in ended.reason
    assert len(worked.of("strategy_changed")) == 1


def test_a_strategy_that_the_user_named_does_not_hand_over(tmp_path: Path) -> None:
    with LlamaCppDouble(Model(STUCK, answer=RIGHT)) as double:
        worked = work(double, tmp_path, strategy="agent")
    assert worked.result.status == "no_patch" and worked.result.strategy == "agent"
    assert worked.of("strategy_changed") == []


def test_guided_hands_over_to_a_model_that_calls_tools_with_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "calls_tools", lambda _: True)
    monkeypatch.setattr(handover, "work_as_guided", gives_up)
    made = iter([FIX, SUBMIT, SUBMIT])

    def says(_: dict[str, Any]) -> Any:
        name, arguments = next(made)
        return f'{{"name": "{name}", "arguments": {arguments}}}'

    with LlamaCppDouble(says, model="qwen2.5-coder-1.5b") as double:
        worked = work(double, tmp_path, strategy="auto")
        first = double.requests[0]
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.strategy == "guided+agent"
    assert len(first["messages"]) == 2
    issue = first["messages"][1]["content"]
    assert "gave up: no candidate passes" in issue and "- add in calc.py: fails, True" in issue


def test_guided_keeps_the_lead_where_the_model_can_not_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "work_as_guided", gives_up)
    with LlamaCppDouble("I can't tell.", model="qwen2.5-coder-1.5b") as double:
        worked = work(double, tmp_path, strategy="auto")
    assert worked.result.strategy == "guided" and worked.of("strategy_changed") == []


@pytest.mark.parametrize(
    ("strategy", "mode", "can"),
    [("agent", "constrained", True), ("guided", "native", True), ("guided", "begun", False)],
)
def test_who_calls_tools(strategy: str, mode: str, can: bool) -> None:
    backend = SimpleNamespace(profile=SimpleNamespace(strategy=strategy), tool_calls=lambda: SimpleNamespace(mode=mode))
    assert handover.calls_tools(cast(Run, SimpleNamespace(model=SimpleNamespace(backend=backend)))) is can
