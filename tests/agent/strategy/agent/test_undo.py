"""The trees of a session: what is new, what can be taken back, and how much space they may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles import LlamaCppDouble
from working import FIX, SUBMIT, call, calls, work

from agent.strategy.agent import undo as history

UNDO = calls(call("undo"))


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def big(number: int) -> dict[str, object]:
    return calls(call("shell", command=f"head -c 200000 /dev/urandom >big.bin; echo {number} >number"))


def test_over_the_quota_the_oldest_go_and_the_latest_can_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """peers row 32: a session that writes much at each step keeps within its space, and says so once."""
    monkeypatch.setattr(history, "QUOTA", 1 << 20)
    monkeypatch.setattr(history, "KEPT", 3)
    look = calls(call("shell", command="cat number; du -sk ../.kept/snapshots.git | cut -f1"))
    clean = calls(call("shell", command="rm big.bin number"))
    made = [*[big(n) for n in range(24)], UNDO, UNDO, look, clean, calls(FIX), calls(SUBMIT)]
    with LlamaCppDouble(*made) as double:
        worked = work(double, tmp_path, max_steps=60)
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.files == ["calc.py"]
    number, size = map(int, worked.observed[26].content.split()[:2])
    assert number == 21 and size < 2 * 1024 + 4 * 200
    assert [each.message for each in worked.of("warned") if "take much space" in each.message] == [
        "the snapshots take much space: only the latest changes can be taken back"
    ]


def test_within_the_quota_everything_can_be_taken_back(tmp_path: Path) -> None:
    made = [*[calls(call("shell", command=f"echo {n} >number")) for n in range(6)], *[UNDO] * 6]
    with LlamaCppDouble(*made, UNDO, calls(FIX), calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.files == ["calc.py"]
    undone = [each for each in worked.observed if each.name == "undo"]
    assert [each.ok for each in undone] == [True] * 6 + [False]
    assert "take much space" not in str(worked.of("warned"))


def test_what_is_not_kept_any_more_is_said_to_be_gone(tmp_path: Path) -> None:
    lost = calls(call("shell", command="GIT_DIR=../.kept/snapshots.git git prune --expire=now"))
    made = [calls(call("shell", command=f"echo {n} >number")) for n in range(2)]
    with LlamaCppDouble(*made, lost, UNDO, calls(call("shell", command="cat number")), calls(FIX)) as double:
        worked = work(double, tmp_path, max_steps=5)
    undone = next(each for each in worked.observed if each.name == "undo")
    assert not undone.ok and "not kept any more" in undone.content
    assert worked.observed[-1].content.startswith("1\n")  # the files are as they were
