"""Changes that leave the same tests failing: the model is shown what it did so far, and then asked for another way."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles import LlamaCppDouble
from working import FIX, SUBMIT, FinishedSession, call, calls, work

from agent.model.dialects import Repaired
from agent.strategy.agent.repeated_failures import _failing
from tools import Observation

TESTS = call("run_tests")
SHELL = call("shell", command="python3 -m unittest 2>&1 | tail -30")
SAID = "the same tests fail as before"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def tries(count: int, test: tuple[str, str] = TESTS) -> list[dict[str, object]]:
    """Changes that don't help, each followed by a run of the tests."""
    made = []
    for n in range(count):
        before = "return a - b" if n == 0 else f"return a - b - {n}"
        made += [calls(call("edit_file", path="calc.py", old=before, new=f"return a - b - {n + 1}")), calls(test)]
    return made


def end(count: int) -> list[dict[str, object]]:
    return [calls(call("edit_file", path="calc.py", old=f"return a - b - {count}", new="return a + b")), calls(SUBMIT)]


def told(worked: FinishedSession, words: str = SAID) -> list[int]:
    """Which runs of the tests, from 1, came with the words."""
    runs = [each for each in worked.observed if each.name in {"run_tests", "shell"}]
    return [number for number, each in enumerate(runs, 1) if words in each.content]


@pytest.mark.parametrize("test", [TESTS, SHELL], ids=["tool", "shell"])
def test_the_same_failures_after_two_changes_show_the_change_so_far(tmp_path: Path, test: tuple[str, str]) -> None:
    with LlamaCppDouble(*tries(3, test), *end(3)) as double:
        worked = work(double, tmp_path)
        sent = double.requests[-1]["messages"]
    assert worked.result.status == "fixed", worked.result.error
    assert told(worked) == [2]
    shown = next(each.content for each in worked.observed if SAID in each.content)
    assert "-    return a - b\n" in shown and "+    return a - b - 2" in shown
    assert [message["role"] for message in sent].count("user") == 1  # it stands in the observation


def test_four_changes_in_vain_demand_another_approach(tmp_path: Path) -> None:
    with LlamaCppDouble(*tries(5), *end(5)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error  # each change was new: that is no loop
    assert told(worked) == [2, 4] and told(worked, "Change your approach") == [4]
    text = next(each.content for each in worked.observed if "Change your approach" in each.content)
    assert "Call plan" in text and "undo" in text


def test_without_a_change_nothing_is_said_of_changes(tmp_path: Path) -> None:
    with LlamaCppDouble(calls(TESTS), calls(TESTS), calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert told(worked) == []


def test_other_failures_are_another_matter(tmp_path: Path) -> None:
    first = call("edit_file", path="calc.py", old="return a - b", new="return a - b + 6 * (a == 2)")  # mends one of two
    back = call("edit_file", path="calc.py", old="return a - b + 6 * (a == 2)", new="return a - b - 1")
    with LlamaCppDouble(calls(first), calls(TESTS), calls(back), calls(TESTS), *end(1)) as double:
        worked = work(double, tmp_path)
    assert told(worked) == []


def test_a_change_that_is_taken_back_and_made_again_counts_once(tmp_path: Path) -> None:
    one = call("edit_file", path="calc.py", old="return a - b", new="return a - b - 1")
    back = call("edit_file", path="calc.py", old="return a - b - 1", new="return a - b")
    made = [calls(each) for each in (one, TESTS, back, TESTS, one, TESTS)]
    with LlamaCppDouble(*made, *end(1)) as double:
        worked = work(double, tmp_path)
    assert told(worked) == []


def test_a_long_change_is_shown_within_bounds(tmp_path: Path) -> None:
    big = call("write_file", path="data.txt", content="\n".join(f"line {n} of many" for n in range(5000)))
    with LlamaCppDouble(calls(big), *tries(2), *end(2)) as double:
        worked = work(double, tmp_path)
    shown = next(each.content for each in worked.observed if SAID in each.content)
    assert "characters left out" in shown and len(shown) < 20_000


@pytest.mark.parametrize(
    ("name", "command", "text", "is_run"),
    [
        ("shell", "cat test.log", "no tests here", False),
        ("shell", "ls", "FAILED test_a.py::test_b\n1 failed in 0.1s", False),
        ("shell", "pytest", "FAILED test_a.py::test_b - x\n1 failed in 0.1s", True),
        ("shell", "pytest", "3 passed in 0.1s", False),
        ("read_file", "test_a.py", "1 failed in 0.1s", False),
    ],
)
def test_what_is_taken_for_a_run_that_failed(name: str, command: str, text: str, is_run: bool) -> None:
    assert bool(_failing(Repaired(name, f'{{"command": "{command}"}}'), Observation(text, ok=False))) == is_run
