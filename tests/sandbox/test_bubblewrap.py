"""What is bubblewrap's own: the binary that works is found, and what is wrong with the others is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import SandboxUnavailable
from sandbox import bubblewrap


def test_an_old_binary_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = bubblewrap.find_bwrap()
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho 'bwrap: Unknown option --disable-userns' >&2\nexit 1\n")
    old.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "candidates", lambda: [str(old), good])
    assert bubblewrap.find_bwrap() == good


def test_what_is_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    old.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "candidates", lambda: [str(old), str(tmp_path / "gone")])
    with pytest.raises(SandboxUnavailable, match=r"No permissions.*gone"):
        bubblewrap.find_bwrap()
    monkeypatch.setattr(bubblewrap, "candidates", list)
    with pytest.raises(SandboxUnavailable, match="not installed"):
        bubblewrap.find_bwrap()
