"""The user is told once what an open network of the bubblewrap sandbox reaches of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CALC, ScriptedModel
from working import FIX, SUBMIT, calls, work


@pytest.mark.parametrize("there", [False, True])
def test_a_shared_network_is_told_once(
    scripted: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr("agent.run.network_warnings.find_relay", lambda: "/usr/bin/pasta" if there else "")
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    worked = work(scripted, tmp_path, files=CALC, setup="true", network="setup", sandbox="bubblewrap")
    told = [event.message for event in worked.of("warned") if "--allow-host" in event.message]
    assert len(told) == (0 if there else 1)
