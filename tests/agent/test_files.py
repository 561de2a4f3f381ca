"""Files written whole or not at all, and locks between open files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.files import PRIVATE, is_locked, link_atomically, lock, open_atomically, open_locked, write_atomically


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


@pytest.mark.parametrize(
    ("data", "written"), [(b"\xff\x00", b"\xff\x00"), ("ä", "ä".encode()), ("\udcff", b"\xff"), ("a\n", b"a\n")]
)
def test_what_is_written_is_what_is_there(tmp_path: Path, data: bytes | str, written: bytes) -> None:
    write_atomically(tmp_path / "file", b"before")
    write_atomically(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == written
    assert names(tmp_path) == ["file"]


def test_permissions_are_the_ones_asked_for_within_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "open", "")
        write_atomically(tmp_path / "private", "", mode=PRIVATE)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("open", "private")]
    assert modes == [0o644, 0o600]


def test_when_the_writer_fails_the_file_stays_as_it_was(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "before")
    with pytest.raises(KeyboardInterrupt), open_atomically(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_text() == "before"
    assert names(tmp_path) == ["file"]


def test_a_directory_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "file", "")


def test_a_link_is_replaced(tmp_path: Path) -> None:
    for target in ("one", "two"):
        (tmp_path / target).write_text(target)
        link_atomically(tmp_path / "latest", Path(target))
        assert (tmp_path / "latest").read_text() == target
    assert names(tmp_path) == ["latest", "one", "two"]


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    held = open_locked(path)
    with pytest.raises(BlockingIOError):
        open_locked(path)
    with pytest.raises(BlockingIOError):
        open_locked(path, create=False)
    assert is_locked(path)
    os.close(held)
    assert not is_locked(path)
    os.close(open_locked(path, create=False))


def test_only_create_makes_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_locked(tmp_path / "lock", create=False)
    os.close(open_locked(tmp_path / "lock"))
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == PRIVATE


def test_shared_locks_do_not_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as one, (tmp_path / "lock").open() as two:
        lock(one.fileno(), shared=True)
        lock(two.fileno(), shared=True)
        with pytest.raises(BlockingIOError):
            lock(two.fileno())
