"""What a machine has: as it is described, and as the places that tell of it say."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agent.catalogue import hardware
from agent.catalogue.hardware import GIB, Machine, parse_memory, this_machine
from agent.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64GB", 64 * GIB),
        ("24g", 24 * GIB),
        (" 512 MiB ", 512 << 20),
        ("1.5 TB", 3 << 39),
        ("1073741824", GIB),
    ],
)
def test_memory_is_read_in_powers_of_two(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "much", "64XB", "-1GB", "0GB", "0.1", "1e3GB"])
def test_what_is_no_amount_of_memory_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_memory(text)
    assert "64GB" in caught.value.hint


def test_a_described_machine_has_the_gpu_it_is_given() -> None:
    assert Machine.described(64 * GIB) == Machine(64 * GIB, 0, 0)
    assert Machine.described(64 * GIB, 24 * GIB) == Machine(64 * GIB, 24 * GIB, 1)


def test_a_unified_one_lets_the_gpu_have_what_macos_does() -> None:
    assert Machine.described(64 * GIB, unified=True) == Machine(64 * GIB, 48 * GIB, 1, unified=True)
    assert Machine.described(24 * GIB, unified=True).gpu_bytes == 16 * GIB
    assert Machine.described(64 * GIB, 60 * GIB, unified=True).gpu_bytes == 60 * GIB


def test_this_machine_has_no_more_memory_than_the_system_tells() -> None:
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = this_machine()
    assert GIB // 4 < machine.ram_bytes <= built_in
    assert (machine.gpu_bytes > 0) == (machine.gpus > 0)


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_control_group_has_less(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(f"{GIB}\n")
    assert hardware._system_memory(tmp_path) == GIB


def test_a_control_group_without_a_limit_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert hardware._system_memory(tmp_path) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_amd_cards_are_found_and_what_a_processor_carves_out_is_none(tmp_path: Path) -> None:
    for name, size in {"card0": GIB // 2, "card1": 24 * GIB, "card2": 16 * GIB}.items():
        device = tmp_path / name / "device"
        device.mkdir(parents=True)
        (device / "mem_info_vram_total").write_text(str(size))
    (tmp_path / "card1-DP-1").mkdir()
    assert hardware._amd(GIB, tmp_path) == Machine(GIB, 40 * GIB, 2, name="AMD GPU")
    assert hardware._amd(GIB, tmp_path / "card0") is None


def nvml(*sizes: int | None) -> ModuleType:
    """The bindings' names for cards of these sizes; one of None won't say."""

    class NVMLError(Exception):
        pass

    class Info:
        def __init__(self, total: int) -> None:
            self.total = total

    def memory(index: int) -> Info:
        if (size := sizes[index]) is None:
            raise NVMLError("Not Supported")
        return Info(size)

    module = ModuleType("pynvml")
    vars(module).update(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(sizes),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda index: f"Card {index}",
        nvmlDeviceGetMemoryInfo=memory,
    )
    return module


def test_nvidia_cards_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(24 * GIB, 24 * GIB))
    assert hardware._nvidia(64 * GIB) == Machine(64 * GIB, 48 * GIB, 2, name="Card 0")


def test_a_card_that_has_no_memory_of_its_own_uses_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(None))
    assert hardware._nvidia(128 * GIB) == Machine(128 * GIB, 128 * GIB, 1, unified=True, name="Card 0")


def test_no_card_and_no_bindings_are_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    assert hardware._nvidia(GIB) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert hardware._nvidia(GIB) is None
