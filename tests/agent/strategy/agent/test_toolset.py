"""A window with room is offered more tools than the contract's; what is offered stays the same; undo goes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubles import LlamaCppDouble
from working import FIX, SUBMIT, call, calls, work

from agent.strategy.agent.toolset import ROOM_FOR_MORE
from tools import DEFAULT_TOOLS

CONTRACT = [tool.name for tool in DEFAULT_TOOLS]
WRONG = call("edit_file", path="calc.py", old="return a - b", new="return a * b")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def test_small_windows_get_the_contracts_tools_alone_and_larger_ones_more(tmp_path: Path) -> None:
    for window, more in ((ROOM_FOR_MORE - 1, False), (ROOM_FOR_MORE, True)):
        with LlamaCppDouble(calls(FIX), calls(SUBMIT), window=window) as double:
            worked = work(double, tmp_path)
            offered = [[tool["function"]["name"] for tool in body["tools"]] for body in double.requests]
            bodies = {json.dumps(body["tools"]) for body in double.requests}
        assert worked.result.status == "fixed", worked.result.error
        assert offered[0][: len(CONTRACT)] == CONTRACT
        assert ({"plan", "undo"} <= set(offered[0])) is more and (len(offered[0]) > len(CONTRACT)) is more
        assert len(bodies) == 1


def test_undo_goes_back_one_changing_step_after_the_other(tmp_path: Path) -> None:
    undo, read = call("undo"), call("read_file", path="calc.py")
    new = call("write_file", path="new.py", content="x = 1\n")
    script = [calls(undo), calls(WRONG, new), calls(read), calls(call("shell", command="rm test_calc.py")),
              calls(undo), calls(call("shell", command="cat test_calc.py | head -1; cat new.py")), calls(undo),
              calls(read, call("shell", command="ls")), calls(FIX), calls(SUBMIT)]  # fmt: skip
    with LlamaCppDouble(*script) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.files == ["calc.py"]
    nothing, second, first = (each for each in worked.observed if each.name == "undo")
    assert not nothing.ok and "nothing to undo" in nothing.content
    assert second.ok and "test_calc.py" in second.content and "calc.py, new.py" in first.content
    seen = [each.content for each in worked.observed]
    assert any("import unittest\nx = 1" in each for each in seen)
    assert "new.py" not in seen[-4] and "return a - b" in seen[-5]


def test_a_plan_is_kept_and_is_no_change(tmp_path: Path) -> None:
    plan = call("plan", steps="[>] find it\n[ ] mend it")
    with LlamaCppDouble(calls(plan), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.observed[0].ok and "[ ] mend it" in worked.observed[0].content
    assert len(worked.of("snapshot_taken")) == 1
    assert worked.result.status == "fixed", worked.result.error


def test_an_edit_that_breaks_the_syntax_is_told_at_once(tmp_path: Path) -> None:
    broken = call("edit_file", path="calc.py", old="def double(a):", new="def double(a:")
    with LlamaCppDouble(calls(broken), calls(call("undo")), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert "syntax" in worked.observed[0].content and "undo" in worked.observed[0].content
