"""Attempts begin at the base commit, know nothing of each other, share the budgets, and one of them is the session's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import LlamaCppDouble
from support import CALC, make_repository
from working import FIX, SUBMIT, call, calls, work

from agent.config import Settings
from agent.forge.issue import Issue
from agent.loop import run_session
from agent.repo.host import HostRepository
from agent.session.events import Event
from agent.session.session import only_journalled
from agent.task import Task

WRONG = call("edit_file", path="calc.py", old="return a - b", new="return a * b")
PASSING = {**CALC, "calc.py": CALC["calc.py"].replace("a - b", "a + b")}
SHORT = call("edit_file", path="calc.py", old="return a + b", new="return b + a")
LONG = call("edit_file", path="calc.py", old="return a + b", new="total = a\n    total += b\n    return total")
READ = call("read_file", path="calc.py")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


class Player:
    """A model with a script for each attempt (its last call repeats), and an answer to a comparison."""

    def __init__(self, *scripts: list[tuple[str, str]], choice: Callable[[str], str] = lambda _: "") -> None:
        self._scripts = scripts
        self._choice = choice
        self._at, self._step = -1, 0

    def __call__(self, body: dict[str, Any]) -> Any:
        if len(body["messages"]) == 1:
            return self._choice(body["messages"][0]["content"])
        if len(body["messages"]) == 2:
            self._at, self._step = self._at + 1, 0
        script = self._scripts[self._at]
        self._step += 1
        return calls(script[min(self._step, len(script)) - 1])


def test_one_that_the_tests_verify_is_enough(tmp_path: Path) -> None:
    with LlamaCppDouble(Player([FIX, SUBMIT])) as double:
        worked = work(double, tmp_path, attempts=3)
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.attempts == 1
    (ended,) = worked.of("attempt_ended")
    assert ended.verdict == "verified" and ended.patch == worked.result.patch
    assert len([event for event in worked.of("tests_ran") if event.phase == "after"]) == 1  # verified once


def test_the_next_attempt_sees_nothing_of_the_one_before_and_is_chosen_by_the_tests(tmp_path: Path) -> None:
    leave = call(
        "shell",
        command="touch left.py ignored.pyc ~/left /tmp/left; git commit -qam x; git add -A; export LEFT=1; cd /",
    )
    look = call(
        "shell", command="ls . ~ /tmp; git status --short; git log --format=%s; cat calc.py; echo LEFT=$LEFT; pwd"
    )
    with LlamaCppDouble(Player([WRONG, leave, SUBMIT], [look, FIX, SUBMIT])) as double:
        worked = work(double, tmp_path, attempts=2, sandbox="bubblewrap", seed=5, temperature=0.5)
        sampled = {(body["temperature"], body["seed"]) for body in double.requests}
        openings = [body["messages"] for body in double.requests if len(body["messages"]) == 2]
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.files == ["calc.py"]
    assert worked.result.attempts == 2
    assert [event.verdict for event in worked.of("attempt_ended")] == ["fails", "verified"]
    assert [event.number for event in worked.of("attempt_chosen")] == [2]
    assert sampled == {(0.5, 5), (0.65, 5002)}
    assert openings[0] == openings[1]  # a prompt of its own, without a word of the other
    seen = next(each for each in worked.observed if "LEFT=" in each.content).content
    assert "left" not in seen and "ignored.pyc" not in seen and "LEFT=\n/workspace/repo" in seen
    assert "return a - b" in seen and "\nbase\n" in seen


def test_what_the_tests_do_not_tell_apart_is_compared_by_the_model_once(tmp_path: Path) -> None:
    def choose(shown: str) -> str:
        first = shown.index("total += b") < shown.index("b + a")
        return json.dumps({"choice": 1 if first else 2})

    with LlamaCppDouble(Player([SHORT, SUBMIT], [LONG, SUBMIT], choice=choose)) as double:
        worked = work(double, tmp_path, files=PASSING, attempts=2)
        compared = [body for body in double.requests if len(body["messages"]) == 1]
    assert worked.result.status == "unverified"
    assert "total += b" in worked.result.patch and worked.result.attempts == 2
    assert [event.verdict for event in worked.of("attempt_ended")] == ["passes", "passes"]
    assert worked.of("attempt_chosen")[0].number == 2
    assert len(compared) == 1 and "response_format" in compared[0]
    assert [reply.purpose for reply in worked.replies].count("compare") == 1


def test_steps_are_shared_and_what_one_leaves_is_for_the_next(tmp_path: Path) -> None:
    with LlamaCppDouble(Player([READ], [FIX, SUBMIT], [READ])) as double:
        worked = work(double, tmp_path, files=PASSING | {"calc.py": CALC["calc.py"]}, attempts=2, max_steps=5)
    assert [event.status for event in worked.of("attempt_ended")] == ["budget", "submitted"]
    assert worked.result.status == "fixed" and worked.result.steps == 5
    with LlamaCppDouble(Player([READ], [READ], [READ])) as double:
        worked = work(double, tmp_path, attempts=3, max_steps=3)
    assert (worked.result.status, worked.result.steps, worked.result.attempts) == ("budget", 3, 3)


def test_an_interrupt_in_a_later_attempt_keeps_what_an_earlier_one_did(tmp_path: Path) -> None:
    directory = tmp_path / "session"
    directory.mkdir()
    events: list[Event] = []

    async def session(url: str) -> Any:
        with anyio.CancelScope() as scope:

            def watch(event: Event) -> None:
                events.append(event)
                if event.kind == "tool_called" and event.call.name == "shell":
                    scope.cancel()

            settings = Settings.model_validate(
                {"base_url": url, "sandbox": "local", "strategy": "agent", "attempts": 2}
            )
            repository = HostRepository.open(make_repository(tmp_path / "repo", PASSING), "HEAD")
            task = Task(
                "kept", directory, Issue("t", "b", "s"), repository, settings, subscribers=(only_journalled(watch),)
            )
            return await run_session(task)

    with LlamaCppDouble(Player([SHORT, SUBMIT], [LONG, call("shell", command="sleep 600")])) as double:
        outcome = anyio.run(session, double.base_url)
    assert outcome.result.status == "interrupted"
    assert "return b + a" in outcome.result.patch and "total" not in outcome.result.patch
    assert [event.kind for event in events if event.kind.startswith("attempt")] == [
        "attempt_began",
        "attempt_ended",
        "attempt_began",
    ]


def test_attempts_that_change_nothing_end_as_the_last_did(tmp_path: Path) -> None:
    with LlamaCppDouble(Player([SUBMIT], [SUBMIT])) as double:
        worked = work(double, tmp_path, attempts=2)
    assert worked.result.status == "no_patch" and worked.result.attempts == 2
    assert {event.verdict for event in worked.of("attempt_ended")} == {"unchanged"}


def test_a_change_that_may_not_leave_the_sandbox_is_not_chosen(tmp_path: Path) -> None:
    link = call("shell", command="ln -s /etc/passwd link")
    with LlamaCppDouble(Player([WRONG, link, SUBMIT], [FIX, SUBMIT])) as double:
        worked = work(double, tmp_path, attempts=2)
    assert worked.result.status == "fixed", worked.result.error
    first, second = worked.of("attempt_ended")
    assert first.verdict.startswith("rejected") and second.verdict == "verified"
