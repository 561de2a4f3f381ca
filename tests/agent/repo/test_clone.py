"""A repository named by a URL is cloned below the cache, and brought up to date the next time."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git, make_repository

from agent.errors import RepositoryUnreadable
from agent.repo.clone import clone


def test_a_clone_follows_its_origin(tmp_path: Path) -> None:
    origin = make_repository(tmp_path / "origin", {"file": "one\n"})
    place = clone(origin.as_uri(), tmp_path / "cache")
    assert (place / "file").read_text() == "one\n"
    assert place.is_relative_to(tmp_path / "cache")
    (origin / "file").write_text("two\n")
    git(origin, "commit", "-qam", "second")
    assert clone(origin.as_uri(), tmp_path / "cache") == place
    assert (place / "file").read_text() == "two\n"


def test_what_can_not_be_cloned_is_told(tmp_path: Path) -> None:
    with pytest.raises(RepositoryUnreadable):
        clone((tmp_path / "nowhere").as_uri(), tmp_path / "cache")
    assert not clone_left_anything(tmp_path / "cache")


def clone_left_anything(cache: Path) -> bool:
    return any(place.is_file() for place in cache.rglob("*"))
