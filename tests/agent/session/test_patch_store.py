"""The changes that the host keeps: whole, found again, and within their quota (peers.md, row 32)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.session import patch_store as changes
from agent.session.patch_store import LATEST, PatchStore


def tree(number: int) -> str:
    return f"{number:040x}"


def test_each_change_is_found_by_its_tree_and_the_latest_by_its_name(tmp_path: Path) -> None:
    kept = PatchStore(tmp_path)
    kept.write(tree(1), b"one")
    kept.write(tree(2), b"two")
    assert (kept.read(tree(1)), kept.read(tree(2)), kept.read(tree(3))) == (b"one", b"two", None)
    assert (tmp_path / LATEST).read_bytes() == b"two"
    kept.write(tree(1), b"one")
    assert (tmp_path / LATEST).read_bytes() == b"one"


@pytest.mark.parametrize("name", ["", "../../journal", "x" * 40])
def test_what_is_no_tree_is_not_looked_for(tmp_path: Path, name: str) -> None:
    assert PatchStore(tmp_path).read(name) is None


def test_beyond_the_quota_the_oldest_go_also_of_an_earlier_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "QUOTA", 100)
    for number in range(1, 10):
        PatchStore(tmp_path).write(tree(number), b"x" * 10)
        os.utime(tmp_path / "changes" / f"{tree(number)}.patch", (number, number))
    kept = PatchStore(tmp_path)
    kept.write(tree(20), b"y" * 30)  # 120 bytes: as many go as leave half of the quota
    found = {number for number in [*range(1, 10), 20] if kept.read(tree(number)) is not None}
    assert found == {8, 9, 20}
    assert (tmp_path / LATEST).read_bytes() == b"y" * 30


def test_the_latest_is_kept_whatever_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "QUOTA", 100)
    kept = PatchStore(tmp_path)
    kept.write(tree(1), b"x" * 60)
    kept.write(tree(2), b"y" * 400)
    assert kept.read(tree(1)) is None
    assert kept.read(tree(2)) == b"y" * 400
