"""Workspaces on the host are made, copied and removed whatever an agent left in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import SandboxUnavailable
from sandbox.directory_trees import copy_tree, make_workspace, remove_tree


def test_a_tree_is_removed_whatever_its_modes_and_no_link_is_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("x")
    tree = tmp_path / "tree"
    (tree / "closed" / "deep").mkdir(parents=True)
    (tree / "link").symlink_to(kept)
    (tree / "closed").chmod(0)
    remove_tree(tree)
    assert not tree.exists() and kept.read_text() == "x"
    remove_tree(tree)  # gone already


def test_a_copy_takes_the_place_of_one_that_was_left_behind(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to("/nowhere")
    (tmp_path / "tree-clean").mkdir()
    (tmp_path / "tree-clean" / "old").touch()
    copy = copy_tree(tree)
    assert copy == tmp_path / "tree-clean"
    assert [(each.name, each.is_symlink()) for each in copy.iterdir()] == [("link", True)]


def test_what_can_not_be_made_or_copied_is_an_unavailable_sandbox(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SandboxUnavailable, match="can't be made") as made:
        make_workspace(tmp_path / "file" / "workspace")
    with pytest.raises(SandboxUnavailable, match="can't be copied"):
        copy_tree(tmp_path / "nowhere")
    assert "SWE_AGENT_HOME" in made.value.hint
