"""A whole session in the local sandbox against a double, as tests of the agent want it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import Double
from support import CALC, make_repository

from agent.config import Settings
from agent.forge.issue import Issue
from agent.loop import run_session
from agent.repo.host import HostRepository
from agent.session.events import Event, ModelReplied, Observed, PromptBegan, Result
from agent.session.session import only_journalled
from agent.task import Task


@dataclass
class FinishedSession:
    """The result of a session and all of its events, in order."""

    result: Result
    events: list[Event]

    def of(self, kind: str) -> list[Any]:
        """Its events of a kind, in order."""
        return [event for event in self.events if event.kind == kind]

    @property
    def replies(self) -> list[ModelReplied]:
        """What the model said."""
        return self.of("model_replied")

    @property
    def observed(self) -> list[Observed]:
        """What its calls gave."""
        return self.of("observed")

    @property
    def prompts(self) -> list[PromptBegan]:
        """The prompts that began."""
        return self.of("prompt_began")

    @property
    def user_messages(self) -> list[str]:
        """The texts of the messages to the model that are not observations: nudges and the like."""
        return [event.content for event in self.of("user_said")]


class TimeLimit:
    """A session's time limit that is over when a test says so, however busy the machine is."""

    SECONDS = 100_000.0
    """To be given as `time_limit`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._scopes: list[tuple[asyncio.AbstractEventLoop, anyio.CancelScope]] = []
        move_on_after = anyio.move_on_after

        def watched(delay: float | None, shield: bool = False) -> anyio.CancelScope:
            scope = move_on_after(delay, shield)
            if delay is not None and self.SECONDS / 2 < delay <= self.SECONDS:
                self._scopes.append((asyncio.get_running_loop(), scope))
            return scope

        monkeypatch.setattr(anyio, "move_on_after", watched)

    def expire(self) -> None:
        """It is over, now; may be called in any thread."""
        assert self._scopes, "no time limit was set"
        for loop, scope in self._scopes:
            loop.call_soon_threadsafe(scope.cancel)

    def expire_after(self, wait: Callable[[], object]) -> None:
        """It is over once `wait`, called in a thread of its own, returns."""
        threading.Thread(target=lambda: (wait(), self.expire()), daemon=True).start()


ISSUE = "`add(2, 3)` gives -1 instead of 5."
Work = Callable[..., FinishedSession]


def work(
    double: Double, place: Path, *, files: dict[str, str] | None = None, issue: str = ISSUE, **settings: Any
) -> FinishedSession:
    """Have an agent fix `calc` (or `files`) in a directory of its own below `place`."""
    number = len(list(place.glob("session-*")))
    directory = place / f"session-{number}"
    directory.mkdir(parents=True)
    repository = make_repository(place / f"repository-{number}", files or CALC)
    given = {"base_url": double.base_url, "sandbox": "local", "strategy": "agent", "max_steps": 30}
    events: list[Event] = []
    task = Task(
        f"session-{number}",
        directory,
        Issue("add gives wrong sums", issue, "test"),
        HostRepository.open(repository, "HEAD"),
        Settings.model_validate(given | settings),
        subscribers=(only_journalled(events.append),),
    )
    return FinishedSession(anyio.run(run_session, task).result, events)


def call(name: str, **arguments: Any) -> tuple[str, str]:
    """A native call."""
    return name, json.dumps(arguments)


def calls(*made: tuple[str, str], content: str = "", **more: Any) -> dict[str, Any]:
    """A scripted answer that is native calls."""
    return {"calls": list(made), "content": content, **more}


FIX = call("edit_file", path="calc.py", old="return a - b", new="return a + b")
SUBMIT = call("submit", summary="add subtracted")
