"""The prefix cache and the speed: what two requests tell, by the server's figures or by the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import GenericDouble, LlamaCppDouble, VllmDouble
from doubles.base import Double
from doubles.faults import Status

from agent.backend import open_backend
from agent.config import Settings
from agent.doctor import performance
from agent.doctor.performance import REPLY_TOKENS, cache_figures, check_performance, speed_figures
from agent.doctor.probe_client import ProbeClient, TimedReply
from agent.doctor.report import Check, Report
from agent.model.types import Reply, Timings, Usage


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def measured(double: Double) -> tuple[Report, dict[str, Check]]:
    report = Report()

    async def run() -> None:
        async with open_backend(Settings.model_validate({"base_url": double.base_url}), log_path=Path("/x")) as backend:
            await check_performance(report, backend, ProbeClient(backend.server), on_progress=lambda _: None)

    anyio.run(run)
    return report, {check.name: check for check in report.checks}


def test_the_second_request_goes_on_from_the_first() -> None:
    with LlamaCppDouble("one\ntwo\nthree") as double:
        report, lines = measured(double)
        again, _ = measured(double)
        first, second, third, _ = double.requests
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert second["messages"][len(first["messages"])]["content"] == "one\ntwo\nthree"
    assert first["max_tokens"] == REPLY_TOKENS
    assert third["messages"][0] != first["messages"][0]  # a report made before is of no help
    assert lines["prefix cache"].state == "ok"
    cache = report.parts["prefix_cache"]
    assert cache["source"] == "server"
    assert 500 < cache["cached_tokens"] < cache["prompt_tokens"] < 1200
    assert again.parts["prefix_cache"]["reused"] is True


def test_the_servers_own_timings_are_the_speed() -> None:
    with LlamaCppDouble("one\ntwo\nthree") as double:  # a token read takes 2 ms, one written 50 ms
        report, lines = measured(double)
    assert lines["speed"].state == "ok"
    assert report.parts["speed"]["prompt_tokens_per_second"] == 500.0
    assert report.parts["speed"]["generated_tokens_per_second"] == 20.0
    assert report.parts["speed"]["source"] == "server"
    assert "500.0" in lines["speed"].value


def test_a_cache_that_is_off_is_told_with_what_turns_it_on() -> None:
    class Forgetful(VllmDouble):
        def cached(self, prompt: str) -> int:
            return 16  # as with a template's first words

    with Forgetful("one\ntwo") as double:
        double.reports_cached = True
        report, lines = measured(double)
    assert report.parts["prefix_cache"]["reused"] is False
    assert lines["prefix cache"].state == "warn"
    assert lines["prefix cache"].remedy == "start vLLM with --enable-prefix-caching"
    assert report.ok


def test_vllm_counts_cached_tokens_only_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "_MIN_FIRST_TEXT_SECONDS", 600.0)  # the clock says nothing of a quick double
    with VllmDouble("one\ntwo") as double:
        double.reports_cached = False
        report, lines = measured(double)
    assert report.parts["prefix_cache"]["reused"] is None
    assert "--enable-prompt-tokens-details" in lines["prefix cache"].remedy


def test_a_quick_server_that_tells_nothing_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "_MIN_FIRST_TEXT_SECONDS", 600.0)  # the double is quick on a busy machine, too
    with GenericDouble("one two three four") as double:
        report, lines = measured(double)
    assert report.parts["prefix_cache"]["reused"] is None
    assert lines["prefix cache"].state == "warn"
    assert "does not report" in lines["prefix cache"].value
    assert report.parts["speed"]["source"] == "clock"


def test_a_speed_says_who_measured_it() -> None:
    speed = {"prompt_tokens_per_second": 200.0, "generated_tokens_per_second": 10.0}
    for source, words in (("clock", "measured here"), ("server", "measured by the server")):
        line = performance._speed_line({**speed, "source": source})
        assert line.state == "ok" and words in line.value
    unknown = performance._speed_line({**speed, "generated_tokens_per_second": None, "source": "clock"})
    assert unknown.state == "warn"


def test_a_server_that_refuses_fails_without_an_end_of_the_report() -> None:
    with LlamaCppDouble(Status(400, "no")) as double:
        report, lines = measured(double)
    assert lines["prefix cache"].state == "fail"
    assert lines["speed"].state == "warn"
    assert report.exit_code == 3


def asked(first: float | None, prompt: int = 600, cached: int = 0, written: int = 64, **more: Any) -> TimedReply:
    usage = Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=written)
    return TimedReply(Reply("text", usage=usage, **more), first)


@pytest.mark.parametrize(
    ("first", "second", "tells", "reused", "source"),
    [
        (asked(9.0), asked(9.0, cached=590), True, True, "server"),
        (asked(9.0), asked(9.0, cached=590), False, True, "server"),
        (asked(9.0), asked(0.1, cached=20), True, False, "server"),
        (asked(0.1), asked(0.1), True, False, "server"),
        (asked(9.0), asked(0.4), False, True, "clock"),
        (asked(9.0), asked(9.1), False, False, "clock"),
        (asked(9.0), asked(6.0), False, None, ""),
        (asked(0.1), asked(0.01), False, None, ""),
        (asked(None), asked(0.01), False, None, ""),
        (asked(9.0), asked(None), False, None, ""),
    ],
)
def test_what_shows_a_cache(
    first: TimedReply, second: TimedReply, tells: bool, reused: bool | None, source: str
) -> None:
    figures = cache_figures(first, second, counts_cached=tells)
    assert (figures["reused"], figures["source"]) == (reused, source)


@pytest.mark.parametrize(
    ("one", "read", "generated", "source"),
    [
        (asked(2.0, seconds=10.0, timings=Timings(500, 5.0, 60, 3.0)), 100.0, 20.0, "server"),
        (asked(3.0, seconds=10.0, written=71), 200.0, 10.0, "clock"),
        (asked(None, seconds=10.0), None, None, ""),
        (asked(3.0, seconds=10.0, written=0), None, None, ""),
        (asked(3.0, seconds=10.0, prompt=0), None, 9.0, "clock"),
        (asked(3.0, seconds=3.0), 200.0, None, "clock"),
    ],
)
def test_the_speed_by_whoever_tells_it(
    one: TimedReply, read: float | None, generated: float | None, source: str
) -> None:
    figures = speed_figures(one)
    assert figures["prompt_tokens_per_second"] == read
    assert figures["generated_tokens_per_second"] == generated
    assert figures["source"] == source
