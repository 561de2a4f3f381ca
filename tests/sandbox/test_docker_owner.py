"""A label tells whether the process that it names still lives; of what it can't know it says no."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sandbox.docker_owner import owner_is_gone, owner_label


def test_an_owner_is_alive_until_its_process_ends() -> None:
    assert not owner_is_gone(owner_label())
    script = "from sandbox.docker_owner import owner_label; print(owner_label())"
    label = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert owner_is_gone(label)


def test_a_process_with_the_number_of_one_that_ended_is_another() -> None:
    boot, pid, started = owner_label().split(" ")
    assert owner_is_gone(f"{boot} {pid} {int(started) - 1}")


@pytest.mark.parametrize("label", ["another-machine 1 1", "nonsense", "", "unknown 1 1"])
def test_of_another_machine_or_boot_nothing_is_known(label: str) -> None:
    assert not owner_is_gone(label)
