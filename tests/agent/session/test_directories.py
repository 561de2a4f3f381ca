"""Which session a user means by a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import FIRST, SECOND, THIRD, record

from agent.errors import UsageError
from agent.session.directories import find_session, new_session_id, session_directories, session_directory


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sessions' directory of a home of its own, empty."""
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path))
    return tmp_path / "sessions"


@pytest.fixture
def three(root: Path) -> Path:
    """Three sessions, begun in the order of their names."""
    for name in (FIRST, SECOND, THIRD):
        record(root, name)
    return root


def test_the_latest_comes_first_and_what_is_no_session_is_left_out(three: Path) -> None:
    (three / ".removing-20260101-000000-aaaa").mkdir()
    (three / "notes.txt").write_text("x")
    (three / "Not_A_Session").mkdir()
    assert [place.name for place in session_directories()] == [THIRD, SECOND, FIRST]


@pytest.mark.parametrize(
    ("word", "name"),
    [(FIRST, FIRST), ("20260202", THIRD), ("k3f9", FIRST), ("last", THIRD), ("20260131-18", SECOND)],
)
def test_an_id_a_part_of_it_or_last(three: Path, word: str, name: str) -> None:
    assert find_session(word) == three / name


def test_a_beginning_of_two_names_both(three: Path) -> None:
    with pytest.raises(UsageError, match=r"'20260131' may be 2 sessions") as told:
        find_session("20260131")
    assert FIRST in told.value.message
    assert SECOND in told.value.message
    assert THIRD not in told.value.message


@pytest.mark.parametrize(
    ("word", "nearest"), [("20260131-142501-k3f8", FIRST), ("142501", FIRST), ("20260202-090000-zzzz", THIRD)]
)
def test_an_unknown_one_is_told_with_the_nearest(three: Path, word: str, nearest: str) -> None:
    with pytest.raises(UsageError, match="there is no session") as told:
        find_session(word)
    assert told.value.message.partition("the nearest: ")[2].startswith(nearest)
    assert told.value.exit_code == 2


@pytest.mark.parametrize("word", ["../../etc", "/etc/passwd", "", ".", "*"])
def test_no_word_leads_out_of_the_sessions(three: Path, word: str) -> None:
    with pytest.raises(UsageError, match="there is no session"):
        find_session(word)


def test_where_there_are_none_that_is_said(root: Path) -> None:
    with pytest.raises(UsageError, match="no sessions yet"):
        find_session("last")


def test_new_ids_are_directories_of_their_own(root: Path) -> None:
    name = new_session_id()
    assert session_directory(name) == root / name
    with pytest.raises(UsageError, match="not a session id"):
        session_directory("../x")
