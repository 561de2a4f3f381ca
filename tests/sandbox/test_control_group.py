"""A real control group: it bounds how many processes there can be, and is gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import eventually

from sandbox import control_group
from sandbox.control_group import ControlGroup

ROOT = Path(__file__).parents[2]


def test_a_group_bounds_the_processes_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        assert control_group._parents() == []  # there the kernel's own limit holds
        return
    monkeypatch.setattr(control_group, "_SPARE", 0)
    # fifteen at most, whatever happens: the shell waits for its input before it starts them
    script = "read -r x; for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 60 >/dev/null 2>&1 & done"
    with subprocess.Popen(["sh", "-c", script], stdin=-1, stderr=-1, text=True) as shell:
        group = ControlGroup.of([shell.pid], 5)
        assert group is not None, "no control group can be made here"
        _, errors = shell.communicate("\n", timeout=60)
    members = group._directory / "cgroup.procs"
    assert "fork" in errors and len(members.read_text().split()) <= 5
    for pid in members.read_text().split():
        os.kill(int(pid), 9)
    eventually(lambda: not members.read_text().split())
    group.remove()
    assert not group._directory.exists()


def test_the_group_of_a_process_that_was_killed_is_removed_with_the_next() -> None:
    if not control_group._parents():
        return  # an ordinary user has none
    script = "import os; from sandbox.control_group import ControlGroup; print(ControlGroup.of([], 5)._directory)"
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    left = Path(made.stdout.strip())
    assert left.is_dir()
    group = ControlGroup.of([], 5)
    assert group is not None and not left.exists()
    group.remove()
