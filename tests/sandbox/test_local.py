"""Without isolation, a bash that is missing is an unavailable sandbox."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from agent.errors import SandboxUnavailable
from sandbox.local import LocalSandbox


def test_without_bash_there_is_no_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"^local: bash can't be run"):
        anyio.run(LocalSandbox.start, tmp_path / "workspace")
