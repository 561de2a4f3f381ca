"""Whatever happens to a workspace, the session ends with the last change that the host has."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles import LlamaCppDouble
from working import FIX, SUBMIT, call, calls, work

from agent.errors import SandboxError
from sandbox.snapshots import Snapshots


def test_a_workspace_that_cannot_be_read_any_more_gives_its_last_kept_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    take, taken = Snapshots.take, []

    async def failing(self: Snapshots) -> str:
        if len(taken) >= 2:  # as on a full disk
            raise SandboxError("a snapshot can't be taken in the sandbox: No space left on device")
        tree = await take(self)
        if (await self._sandbox.exec("grep -q 'a + b' calc.py")).ok:
            taken.append(tree)
        return tree

    monkeypatch.setattr(Snapshots, "take", failing)
    last = calls(call("shell", command="rm calc.py"))
    with LlamaCppDouble(calls(FIX), calls(call("shell", command="true")), last, calls(SUBMIT)) as double:
        worked = work(double, tmp_path)
    assert "return a + b" in worked.result.patch
    told = [each.message for each in worked.of("warned")]
    assert any("not kept yet" in each for each in told)
    assert any("the last change that was kept" in each for each in told)
