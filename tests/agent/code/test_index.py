"""The index answers who defines, and uses what, reads each content once, and survives its cache."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from support import make_repository

from agent.code.definitions import Definition
from agent.code.index import CodeIndex, cache_path
from agent.repo.host import HostRepository


@pytest.fixture
def index(shop: Any) -> CodeIndex:
    """Of the shop, in memory."""
    made = CodeIndex(None, shop)
    made.refresh()
    return made


def names(found: list[Definition]) -> list[str]:
    return [f"{each.path}:{each.name}" for each in found]


def test_definitions_are_found_by_short_and_dotted_names(index: CodeIndex) -> None:
    assert names(index.definitions("total")) == ["shop/prices.py:Basket.total", "web/sum.js:total"]
    assert names(index.definitions("Basket.total")) == ["shop/prices.py:Basket.total"]
    assert names(index.definitions("Basket::total()")) == ["shop/prices.py:Basket.total"]
    assert index.definitions("asket.total") == index.definitions("nowhere") == index.definitions(" ") == []


def test_names_like_one_that_is_not_there_are_suggested(index: CodeIndex) -> None:
    assert index.suggestions("basket")[0] == "Basket"
    assert "confirm" in index.suggestions("mail.confrim")
    assert index.suggestions("qqqqqq") == index.suggestions("") == []


def test_a_line_has_its_innermost_definition_and_its_function(index: CodeIndex) -> None:
    inner, outer = index.enclosing_definition("shop/mail.py", 3), index.enclosing_function("shop/mail.py", 3)
    assert inner and inner.name == "confirm.inner"
    assert outer and outer.name == "confirm"
    method = index.enclosing_function("shop/prices.py", 13)
    assert method and method.name == "Basket.total"
    assert (
        index.enclosing_definition("shop/prices.py", 2)
        is index.enclosing_definition("none.py", 1)
        is index.enclosing_function("none.py", 1)
        is None
    )


def test_references_are_the_lines_that_use_a_name(index: CodeIndex) -> None:
    assert [(each.path, each.line) for each in index.references("net")] == [
        ("shop/prices.py", 13), ("tests/test_prices.py", 5),
    ]  # fmt: skip
    assert index.references("Basket.net") == index.references("net") and index.references("nowhere") == []


def test_only_files_of_known_languages_are_in_it(index: CodeIndex, shop: Any) -> None:
    assert "README.md" not in index.paths and "README.md" not in shop.read
    assert index.paths == sorted(index.paths) and len(index.paths) == 7


def test_each_content_is_read_once(shop: Any, tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "cache.sqlite"
    CodeIndex(cache, shop).refresh()
    assert len(shop.read) == 7
    shop.read.clear()
    shop.files["shop/moved.py"] = shop.files.pop("shop/mail.py")
    shop.files["shop/prices.py"] += "\n\ndef added():\n    return net(1)\n"
    again = CodeIndex(cache, shop)
    again.refresh()
    assert shop.read == ["shop/prices.py"]
    assert names(again.definitions("confirm")) == ["shop/moved.py:confirm"]
    assert [each.path for each in again.references("net")] == ["shop/prices.py"] * 2 + ["tests/test_prices.py"]


def test_changed_files_stand_over_those_of_the_commit(index: CodeIndex) -> None:
    index.update(
        {"shop/mail.py": b"def send():\n    pass\n", "shop/new.py": b"def fresh(): send()\n", "web/sum.js": None}
    )
    assert not index.definitions("confirm") and names(index.definitions("send")) == ["shop/mail.py:send"]
    assert [(each.path, each.line) for each in index.references("send")] == [("shop/new.py", 1)]
    assert names(index.definitions("total")) == ["shop/prices.py:Basket.total"]
    assert index.has_changed("shop/mail.py", b"") and not index.has_changed("shop/mail.py", b"def send():\n    pass\n")
    index.refresh()
    assert names(index.definitions("send")) == ["shop/mail.py:send"]


def damaged(cache: Path, how: str) -> None:
    if how == "garbage":
        cache.write_bytes(b"no database at all" * 1_000)
    elif how == "cut":
        cache.write_bytes(cache.read_bytes()[: cache.stat().st_size // 2])
    elif how == "holes":
        data = bytearray(cache.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        cache.write_bytes(data)
    else:
        with sqlite3.connect(cache) as connection:
            connection.execute(
                {
                    "emptied": "DELETE FROM file",
                    "rows": "UPDATE file SET data='{]'",
                    "shapes": f"UPDATE file SET data=x'{zlib.compress(b'[1, 2]').hex()}'",
                    "postings": "UPDATE posting SET data=x'0102'",
                    "tables": "DROP TABLE posting",
                    "format": "PRAGMA user_version=99",
                }[how]
            )
        connection.close()


DAMAGE = ["garbage", "cut", "holes", "emptied", "rows", "shapes", "postings", "tables", "format"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_cache_is_made_again(shop: Any, tmp_path: Path, how: str) -> None:
    cache = tmp_path / "cache.sqlite"
    first = CodeIndex(cache, shop)
    first.refresh()
    first.close()
    damaged(cache, how)
    again = CodeIndex(cache, shop)
    again.refresh()
    assert names(again.definitions("Basket.total")) == ["shop/prices.py:Basket.total"]
    assert [each.name for each in again.definitions_in("web/sum.js")] == ["total"]
    again.close()
    shop.read.clear()
    third = CodeIndex(cache, shop)
    third.refresh()
    assert third.definitions("net") and not shop.read


@pytest.mark.parametrize("how", ["rows", "emptied", "tables"])
def test_damage_that_is_met_later_costs_nothing_but_time(shop: Any, tmp_path: Path, how: str) -> None:
    cache = tmp_path / "cache.sqlite"
    index = CodeIndex(cache, shop)
    index.refresh()
    index.update({"shop/new.py": b"def fresh(): pass\n"})
    damaged(cache, how)
    assert [each.name for each in index.definitions_in("shop/new.py")] == ["fresh"]
    assert names(index.definitions("fresh")) == ["shop/new.py:fresh"]
    assert names(index.definitions("net")) == ["shop/prices.py:net"]


def test_a_place_that_cannot_be_written_is_done_without(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file" / "cache.sqlite", tmp_path):
        index = CodeIndex(cache, shop)
        index.refresh()
        assert index.definitions("net")


def test_several_processes_share_a_cache(tmp_path: Path) -> None:
    files = {f"m{number}.py": f"def f{number}():\n    return shared({number})\n" for number in range(60)}
    repository = make_repository(tmp_path / "repo", files)
    script = (
        "import sys; from pathlib import Path\n"
        "from agent.code.index import CodeIndex\n"
        "from agent.repo.host import HostRepository\n"
        "index = CodeIndex(Path(sys.argv[1]), HostRepository.open(Path(sys.argv[2])))\n"
        "index.refresh()\n"
        "print(len(index.references('shared')), len(index.definitions('f59')), index.files_with('w', 'shared')['m7.py'])\n"
    )
    cache = tmp_path / "cache.sqlite"
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(cache), str(repository)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in running] == ["60 1 1\n"] * 3
    with sqlite3.connect(cache) as connection:
        assert connection.execute("SELECT count(*) FROM file").fetchone() == (60,)
    connection.close()


def test_a_cache_that_grew_too_large_begins_anew(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.code.index._SPARE_FILES", 0)
    cache = tmp_path / "cache.sqlite"
    for number in range(8):
        shop.files = {f"a{number}{each}.py": f"def f{number}{each}(): pass\n" for each in range(3)}
        index = CodeIndex(cache, shop)
        index.refresh()
        assert len(index.definitions(f"f{number}2")) == 1
        index.close()
    with sqlite3.connect(cache) as connection:
        assert connection.execute("SELECT count(*) FROM file").fetchone()[0] <= 15
    connection.close()


def test_a_real_commit_is_read_without_links(tmp_path: Path) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    (place / "link.py").symlink_to("real.py")
    make_repository(place, {"real.py": "def real():\n    pass\n", "deep/ä b.py": "def odd(): pass\n"})
    index = CodeIndex(None, HostRepository.open(place))
    index.refresh()
    assert index.paths == ["deep/ä b.py", "real.py"]
    assert not index.has_changed("real.py", b"def real():\n    pass\n")


def test_reading_can_be_stopped_and_goes_on(shop: Any, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    index = CodeIndex(tmp_path / "cache.sqlite", shop)
    with pytest.raises(Stopped):
        index.refresh(stop)
    index.refresh()
    assert index.definitions("net")


def test_every_repository_has_a_cache_of_its_own(tmp_path: Path) -> None:
    first, second = cache_path(tmp_path, tmp_path / "a" / "repo"), cache_path(tmp_path, tmp_path / "b" / "repo")
    assert first != second and first.is_relative_to(tmp_path / "cache")
    assert cache_path(tmp_path, tmp_path / "a" / "b" / ".." / "repo") == first
