"""A cache gives back what was stored, by several connections at a time, and says so when it can't."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agent.code.definitions import Definition, Structure
from agent.code.store import FORMAT, CacheDamaged, Store
from agent.code.structure import structure

SOURCE = b"def one():\n    return two(3)\n\n\nclass Other:\n    def one(self):\n        return one()\n"


def stored(path: Path | None) -> tuple[Store, int, Structure]:
    known = structure("a.py", SOURCE)
    store = Store(path)
    store.add([("key", known)])
    ((number, length),) = store.known().values()
    assert length == sum(known.counts.values())
    return store, number, known


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_structure_is_given_back_under_the_path_it_is_asked_for(on_disk: bool, tmp_path: Path) -> None:
    store, number, known = stored(tmp_path / "deep" / "cache" if on_disk else None)
    found = store.load(number, "moved/b.py")
    assert found.references == known.references and found.words == known.words
    assert [each.path for each in found.definitions] == ["moved/b.py"] * 3
    assert store.load(number, "a.py").definitions == known.definitions
    assert isinstance(found.definitions[0], Definition)


def test_terms_lead_to_files_with_counts() -> None:
    store, number, known = stored(None)
    assert store.postings("done") == store.postings("rtwo") == {number: 1}
    assert store.postings("wone") == {number: known.counts["one"]} and known.counts["one"] == 3
    assert store.postings("dnone") == {}
    assert store.terms("d") == {"one", "Other"}


def test_what_another_connection_has_stored_is_seen_and_not_stored_twice(tmp_path: Path) -> None:
    store, number, known = stored(tmp_path / "cache")
    other = Store(tmp_path / "cache")
    other.add([("key", known), ("more", known)])
    assert store.known()["key"] == other.known()["key"] and set(store.known()) == {"key", "more"}
    assert store.postings("done").keys() == {each for each, _ in store.known().values()}
    store.clear()
    assert other.known() == {} and other.postings("done") == {}
    other.add([("key", known)])
    assert other.known()["key"][0] > number  # a number is never given again


def test_damage_is_told_and_a_discarded_cache_begins_empty(tmp_path: Path) -> None:
    store, number, _ = stored(tmp_path / "cache")
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("UPDATE file SET data = x'00'")
    connection.close()
    with pytest.raises(CacheDamaged):
        store.load(number, "a.py")
    with pytest.raises(CacheDamaged):
        store.load(number + 1, "a.py")
    store.discard(in_memory=False)
    assert store.known() == {} and store.path == tmp_path / "cache"


def test_a_cache_of_another_format_is_replaced(tmp_path: Path) -> None:
    store, _, _ = stored(tmp_path / "cache")
    store.close()
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    assert Store(tmp_path / "cache").known() == {}


def test_a_place_that_can_not_be_written_is_a_cache_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store, _, _ = stored(tmp_path / "file" / "cache")
    assert store.path is None
