"""Budgets at every size of window: a session reads large files again and again, and never asks for more than fits."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import LlamaCppDouble, VllmDouble
from doubles.base import Body, Double, Exchange
from support import make_repository

from agent.config import Settings
from agent.context.budget import WindowBudget
from agent.forge.issue import Issue
from agent.loop import Outcome, run_session
from agent.repo.host import HostRepository
from agent.session.events import Event, Observed
from agent.session.session import only_journalled
from agent.task import Task

K = 1024
WINDOWS = [4 * K, 8 * K, 16 * K, 64 * K, 256 * K, 1024 * K]
CHARACTERS = 3
"""So many characters of a request's JSON are a token here: code is counted like that by most vocabularies."""
MIN_REPLY_TOKENS = 256
STEPS = 24
"""Replies, summaries included: enough to fill every window more than once."""

ISSUE = "\n".join(
    f"{number}. The parser loses the comment on line {number * 37}, which it should keep." for number in range(400)
)
INSTRUCTIONS = "\n".join(
    f"- Rule {number}: keep functions short and name things as their neighbours do." for number in range(400)
)


def counted(body: Body) -> int:
    """Tokens of a prompt: its messages and tools as JSON, by length."""
    said = {"messages": body.get("messages") or [], "tools": body.get("tools") or []}
    return len(json.dumps(said, ensure_ascii=False)) // CHARACTERS


class Counting:
    """A double that counts by length, and what it refuses."""

    refused: int

    def prompt_tokens(self, body: Body) -> int:
        """By length."""
        return counted(body)

    def overflow(self, exchange: Exchange) -> None:
        """Counted, then told."""
        self.refused += 1
        super().overflow(exchange)  # type: ignore[misc]


class CountingLlamaCpp(Counting, LlamaCppDouble):
    """Counts prompts before they are sent, too."""


class CountingVllm(Counting, VllmDouble):
    """Counts a prompt when it is asked to, and when it is sent."""


class Mute(CountingVllm):
    """Counts nothing for others: no usage, no count; only what it refuses."""

    def usage(self, reply: Any, body: Body) -> Body:
        """None."""
        return {}

    def tokenize(self, exchange: Exchange) -> None:
        """Gone."""
        self.not_found(exchange)


class Reader:
    """A model that reads one large file after the other, whatever it is told, and thinks aloud of it.

    `wanted` are the tokens of its text, `together` is how many calls it makes in one reply.
    """

    def __init__(self, wanted: int, together: int = 1) -> None:
        self.wanted = wanted
        self.together = together
        self._at = 0
        self._lock = threading.Lock()

    def __call__(self, body: Body) -> dict[str, Any]:
        with self._lock:
            number, self._at = self._at, self._at + 1
        text = f"Thought {number}. " + "".join(f"line {at * 37 + number} of part {at}. " for at in range(1000))
        calls = [self._read(number * self.together + each) for each in range(self.together)]
        return {"content": text[: self.wanted * CHARACTERS], "calls": calls}

    def _read(self, number: int) -> tuple[str, str]:
        return "read_file", json.dumps({"path": f"src/part_{number}.py"})


@dataclass
class Ran:
    """A session that is over."""

    outcome: Outcome
    events: list[Event]
    double: Any

    @property
    def requests(self) -> list[Body]:
        """Those for a reply."""
        return self.double.requests  # type: ignore[no-any-return]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Of each request: the tokens of its prompt, and the most its reply may have."""
        return [(counted(body), body["max_tokens"]) for body in self.requests]


def together_at(window: int) -> int:
    """How many files are read in one step, so that every window is filled in so many steps."""
    return max(1, window // (64 * K))


def part_of(part: int, lines: int) -> str:
    """A file no line of which stands in another one: reading the same again would be noticed as going nowhere."""
    return "\n".join(
        f"def part_{part}_{line}(value):\n    return value * {line} + {part}  # line {line}" for line in range(lines)
    )


def repository(directory: Path, window: int) -> HostRepository:
    """Files so large that one observation can't hold them, and instructions longer than a small window."""
    lines = min(max(400, window // 64), 700)
    files = {f"src/part_{part}.py": part_of(part, lines) for part in range(STEPS * together_at(window))}
    files |= {"AGENTS.md": INSTRUCTIONS, **{f"docs/page_{number}.md": "text\n" for number in range(100)}}
    return HostRepository.open(make_repository(directory, files), "HEAD")


def ran(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Ran:
    """A whole session in the local sandbox with a long issue."""
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    directory = tmp_path / "session"
    directory.mkdir()
    events: list[Event] = []
    given = {
        "base_url": double.base_url,
        "sandbox": "local",
        "strategy": "agent",
        "max_steps": STEPS,
        "time_limit": 3600,
    }
    settings = Settings.model_validate(given | more)
    task = Task(
        "windows",
        directory,
        Issue("The parser loses comments", ISSUE, "test"),
        repository(tmp_path / "repo", double.window),
        settings,
        subscribers=(only_journalled(events.append),),
    )
    return Ran(anyio.run(run_session, task), events, double)


def scripted(kind: type[Double], window: int, *, said: int = 40) -> Double:
    """A double with a window, whose model reads and reads: enough to fill the window in some tens of replies."""
    more = {"trained": window} if issubclass(kind, LlamaCppDouble) else {}
    double = kind(Reader(said, together_at(window)), window=window, **more)
    double.refused = 0  # type: ignore[attr-defined]
    double.piece = None
    return double


@pytest.mark.parametrize(
    ("kind", "window"),
    [*((CountingLlamaCpp, window) for window in WINDOWS), *((CountingVllm, window) for window in WINDOWS[:4])],
    ids=lambda each: f"{each // K}K" if isinstance(each, int) else each.__name__,
)
def test_a_window_is_used_to_its_end_and_never_asked_for_more(
    kind: type[Double], window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(kind, window) as double:
        run = ran(double, tmp_path, monkeypatch)
    result = run.outcome.result
    assert result.status == "budget", result.error
    assert f"{STEPS} steps" in (result.error or "")  # the model goes on to call tools when it is asked for a summary
    assert {event.by for event in run.events if event.kind == "compacted"} == {"program"}
    sizes = run.sizes
    assert len(sizes) >= 2
    assert [(prompt, reply) for prompt, reply in sizes if prompt + reply > window] == []
    assert min(reply for _, reply in sizes) >= MIN_REPLY_TOKENS
    assert max(prompt for prompt, _ in sizes) >= 0.6 * window
    assert run.double.refused == 0
    found = [event for event in run.events if event.kind == "backend_found"]
    assert [event.window for event in found] == [window]


@pytest.mark.parametrize("window", WINDOWS[:4], ids=lambda window: f"{window // K}K")
def test_the_opening_leaves_room_to_work(window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(CountingLlamaCpp, window) as double:
        run = ran(double, tmp_path, monkeypatch, max_steps=1)
    assert run.sizes, run.outcome.result.error
    opening, reply = run.sizes[0]
    budget = WindowBudget(window)
    assert opening + reply <= window
    assert budget.prompt - opening >= 1_000
    assert "The parser loses the comment" in json.dumps(run.requests[0]["messages"])
    if window >= 64 * K:  # there all of it fits
        assert ISSUE in run.requests[0]["messages"][1]["content"]


@pytest.mark.parametrize("window", [4 * K, 8 * K, 16 * K], ids=lambda window: f"{window // K}K")
def test_long_replies_fit_too(window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(CountingVllm, window, said=window // 10) as double:
        run = ran(double, tmp_path, monkeypatch)
    assert run.outcome.result.status == "budget", run.outcome.result.error
    assert len(run.sizes) >= 2
    assert [(prompt, reply) for prompt, reply in run.sizes if prompt + reply > window] == []
    assert min(reply for _, reply in run.sizes) >= MIN_REPLY_TOKENS
    assert run.double.refused == 0


@pytest.mark.parametrize("window", [4 * K, 8 * K, 64 * K], ids=lambda window: f"{window // K}K")
def test_a_server_that_counts_nothing_ends_by_budget_all_the_same(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(Mute, window) as double:
        run = ran(double, tmp_path, monkeypatch)
    assert run.outcome.result.status == "budget", run.outcome.result.error
    assert len(run.requests) >= 2
    assert max(prompt for prompt, _ in run.sizes) >= 0.6 * window


@pytest.mark.parametrize("window", [4 * K, 64 * K], ids=lambda window: f"{window // K}K")
def test_a_smaller_context_that_is_asked_for_is_kept_to(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(CountingLlamaCpp, 2 * window) as double:
        run = ran(double, tmp_path, monkeypatch, context=window, max_steps=40)
    assert [(prompt, reply) for prompt, reply in run.sizes if prompt + reply > window] == []
    assert [event.window for event in run.events if event.kind == "backend_found"] == [window]


def test_one_observation_never_takes_more_than_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = 16 * K
    with scripted(CountingLlamaCpp, window) as double:
        run = ran(double, tmp_path, monkeypatch)
    observed = [event for event in run.events if isinstance(event, Observed)]
    assert observed
    most = WindowBudget(window).observation
    assert all(len(event.content) // CHARACTERS <= 1.15 * most for event in observed)  # 3.2 characters are assumed
    assert any("left out" in event.content for event in observed)
