"""Workspaces on the host are copied as they are and removed whole, and nothing outside them is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import SandboxUnavailable
from sandbox.directory_trees import copy_tree, make_workspace, remove_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A workspace with a link that leads out of it, to a file that must stay."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("stays")
    place = tmp_path / "workspace"
    (place / "deep" / "er").mkdir(parents=True)
    (place / "deep" / "er" / "file").write_text("text")
    (place / "link").symlink_to(tmp_path / "outside")
    (place / "script").write_text("#!/bin/sh\n")
    (place / "script").chmod(0o755)
    return place


def test_a_copy_has_the_same_modes_and_links_as_links(tree: Path) -> None:
    copy = copy_tree(tree)
    assert copy == tree.with_name("workspace-clean")
    assert (copy / "link").is_symlink() and (copy / "deep" / "er" / "file").read_text() == "text"
    assert (copy / "script").stat().st_mode & 0o777 == 0o755


def test_what_a_killed_process_left_is_not_in_the_next_copy(tree: Path) -> None:
    copy_tree(tree).joinpath("stale").touch()
    assert not (copy_tree(tree) / "stale").exists()


def test_a_copy_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="can't be copied"):
        copy_tree(tmp_path / "nothing")


def test_a_tree_is_removed_whatever_its_modes_and_links_are_not_followed(tree: Path, tmp_path: Path) -> None:
    (tree / "deep" / "er").chmod(0)
    (tree / "deep").chmod(0o500)
    remove_tree(tree)
    assert not tree.exists()
    assert (tmp_path / "outside" / "file").read_text() == "stays"


def test_a_directory_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SandboxUnavailable, match="can't be made"):
        make_workspace(tmp_path / "file" / "workspace")
