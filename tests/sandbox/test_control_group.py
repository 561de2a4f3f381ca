"""A real control group: it bounds how many processes there can be, and is gone afterwards."""

from __future__ import annotations

import os
import subprocess

import pytest

from sandbox import control_group
from sandbox.control_group import ControlGroup


def test_a_group_bounds_the_processes_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        assert control_group._parents() == []  # there the kernel's own limit holds
        return
    monkeypatch.setattr(control_group, "_SPARE", 0)
    # sixteen at most, whatever happens: the shell waits for its input before it starts them
    script = (
        "read -r; for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 20 & done; jobs -p | wc -l; kill $(jobs -p)"
    )
    with subprocess.Popen(["sh", "-c", script], stdin=-1, stdout=-1, stderr=-1, text=True) as shell:
        group = ControlGroup.of([shell.pid], 5)
        assert group is not None, "no control group can be made here"
        output, errors = shell.communicate("\n", timeout=60)
    assert "fork" in errors or int(output or "0") < 6
    group.remove()
    assert not group._directory.exists()
