"""The benchmark of reuse measures what it says: here with a double in the real server's place."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from doubles import LlamaCppDouble

from agent.session.events import Compacted, ModelReplied, PromptBegan, Result
from benchmarks.prefix import Script, between, report, session, steps_of


@pytest.mark.parametrize("rung", ["native", "constrained"])
def test_a_scripted_session_is_measured(
    rung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    window = 6_000
    with LlamaCppDouble("a word", window=window, trained=window) as double:
        with between(double.base_url, Script(40)) as url:
            events = anyio.run(session, url, 40, window, rung, tmp_path)
        assert {body["max_tokens"] for body in double.requests} == {1}
    assert report(events), capsys.readouterr().out
    result = events[-1]
    assert isinstance(result, Result) and result.status == "fixed"
    compactions = [event for event in events if isinstance(event, Compacted)]
    assert compactions and all(event.by == "model" for event in compactions)
    assert {event.mode for event in events if isinstance(event, PromptBegan)} == {rung}
    steps = steps_of(events)
    assert len(steps) == sum(isinstance(event, ModelReplied) for event in events) > 40
    assert [step.purpose for step in steps].count("summary") == len(compactions)
