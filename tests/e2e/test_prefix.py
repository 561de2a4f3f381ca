"""Invariant 3: each request is, byte for byte, the beginning of the next one; where the server forgets, it is told."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from doubles import LlamaCppDouble
from doubles.base import Body
from support import CALC
from working import FIX, SUBMIT, FinishedSession, call, calls, work

STEPS = 120


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


class Busy:
    """Makes calls of every kind, some broken, some together, and writes prose at times; mends and submits at the end."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.at = 0
        self.end = iter([calls(FIX), *[calls(SUBMIT)] * 4])

    def __call__(self, body: Body) -> Any:
        self.at += 1
        at = self.at
        if at > self.steps:
            return next(self.end)
        made = [
            calls(call("read_file", path="calc.py", start_line=1 + at % 7), content=f"Step {at}: é 汉"),
            calls(call("shell", command=f"echo {at}; date +%N")),
            calls(("write_file", f'{{ "content": "x = {at}\\n",  "path":"new_{at % 5}.py"}}')),
            calls(call("search", pattern="return"), call("read_file", path=f"new_{(at - 1) % 5}.py")),
            calls(("read_file", '{"path": "calc.py",}')),
            "I think that add is wrong.",
            calls(
                call("edit_file", path="calc.py", old=f"nothing like {at}", new="x"), call("shell", command="echo $$")
            ),
            {"content": "```bash\nls -la", "finish": "length"},
            calls(call("run_tests")),
        ]
        return made[at % len(made)]


def as_bytes(body: Body) -> bytes:
    """Tools and messages, without the brackets that close them."""
    return json.dumps([body.get("tools"), body["messages"]]).encode()[:-2]


def reused(worked: FinishedSession) -> list[str]:
    return [event.message for event in worked.of("warned") if "reused" in event.message]


def test_each_request_is_the_beginning_of_the_next_one(tmp_path: Path) -> None:
    """peers row 27."""
    with LlamaCppDouble(Busy(STEPS), window=1 << 20, trained=1 << 20) as double:
        worked = work(double, tmp_path, max_steps=STEPS + 20)
        assert len(double.requests) > 100
        assert all(as_bytes(later).startswith(as_bytes(earlier)) for earlier, later in pairwise(double.requests))
        settings = [{name: value for name, value in body.items() if name not in {"messages", "max_tokens"}}
                    for body in double.requests]  # fmt: skip
        assert all(each == settings[0] for each in settings)
    assert len(worked.prompts) == 1 and reused(worked) == []


class Forgetful(LlamaCppDouble):
    """Loses its cache before the sixth reply."""

    def usage(self, reply: Any, body: Body) -> Body:
        used = super().usage(reply, body)
        if len(self.requests) == 6:
            used["prompt_tokens_details"] = {"cached_tokens": 12}
        return used


def test_a_server_that_drops_its_cache_is_told_of_and_loses_the_pin(tmp_path: Path) -> None:
    steps = [call("shell", command=f"echo {at}") for at in range(9)]
    with Forgetful(*map(calls, [*steps, FIX, SUBMIT, SUBMIT]), slots=2) as double:
        worked = work(double, tmp_path)
        slots = [body.get("id_slot") for body in double.requests]
    assert worked.result.status == "fixed", worked.result.error
    (told,) = reused(worked)
    assert "the server dropped its cache" in told and "reused 12" in told and "chooses its slot" in told
    assert slots == [0] * 6 + [None] * (len(slots) - 6)


def test_with_one_slot_none_is_asked_for(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
        assert not any("id_slot" in body for body in double.requests)
    assert worked.result.status == "fixed"


def test_the_comparison_of_attempts_goes_to_another_slot(tmp_path: Path) -> None:
    """Two attempts that can't be told apart by tests: the question which to take is asked beside the session."""
    fixes = iter(
        [call("edit_file", path="calc.py", old="return a - b", new=new) for new in ("return a + b", "return b + a")]
    )

    def model(body: Body) -> Any:
        if "tools" not in body:
            return '{"choice": 1}'
        done = any(message["role"] == "tool" for message in body["messages"])
        return calls(SUBMIT) if done else calls(next(fixes))

    files = {"calc.py": CALC["calc.py"]}
    with LlamaCppDouble(model, slots=3) as double:
        worked = work(double, tmp_path, files=files, attempts=2)
        by_kind = {("tools" in body, body.get("id_slot")) for body in double.requests}
    assert worked.of("attempt_chosen")
    assert by_kind == {(True, 0), (False, 1)}
