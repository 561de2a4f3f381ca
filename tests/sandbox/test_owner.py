"""A container's owner is a process of this boot of this machine, alive until it ends."""

from __future__ import annotations

import subprocess
import sys

from sandbox.owner import owner_is_gone, owner_label


def test_an_owner_is_alive_until_its_process_ends() -> None:
    assert not owner_is_gone(owner_label())
    script = "from sandbox.owner import owner_label; print(owner_label())"
    label = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert owner_is_gone(label)
    assert not owner_is_gone("another-machine 1 1")
    assert not owner_is_gone("nonsense")
