"""Definitions are ranked by an issue's words, names and paths, by places given, and by who uses whom."""

from __future__ import annotations

import random
from typing import Any

import pytest

from agent.code.index import CodeIndex
from agent.code.overview import file_outline, repository_map
from agent.code.ranking import mentions, rank
from agent.code.words import parts, words
from agent.text import estimate_tokens


@pytest.fixture
def index(shop: Any) -> CodeIndex:
    """Of the shop, in memory."""
    made = CodeIndex(None, shop)
    made.refresh()
    return made


def is_test(path: str) -> bool:
    return path.startswith("tests/")


def best(index: CodeIndex, text: str, **options: Any) -> list[str]:
    return [each.definition.name for each in rank(index, text, **options)]


def test_identifiers_fall_into_words() -> None:
    assert parts("readHTTPHeader_now") == ("readhttpheader_now", "read", "http", "header", "now")
    assert parts("self") == () and parts("Überlauf") == ("überlauf",)
    assert words("for x in read_all(Größe):") == ["read_all", "read", "größe"]


def test_an_issue_mentions_words_names_and_paths() -> None:
    about = mentions("`Basket.total` is wrong, see ./shop/prices.py and confirm(); the basket\n```\nraise Lost\n```\n")
    assert about.names["total"] == 2.0 == about.names["Lost"]
    assert about.names["confirm"] == 1.5 and about.names["wrong"] == 0.5
    assert about.paths == ("shop/prices.py",)
    assert about.words["total"] > about.words["wrong"]


def test_a_name_in_the_issue_comes_first(index: CodeIndex) -> None:
    assert best(index, "`confirm` sends nothing")[0] == "confirm"
    assert best(index, "the total of a Basket is too high", exclude=is_test)[:2] in (
        ["Basket.total", "Basket"],
        ["Basket", "Basket.total"],
    )


def test_a_file_in_the_issue_comes_first(index: CodeIndex) -> None:
    assert rank(index, "something is off in web/sum.js")[0].definition.path == "web/sum.js"


def test_places_given_from_outside_count(index: CodeIndex) -> None:
    assert best(index, "it crashes", seeds={("shop/mail.py", 3): 2.0})[:2] == ["confirm.inner", "confirm"]
    assert best(index, "`total` crashes", seeds={("shop/mail.py", 3): 2.0})[:2] == ["confirm.inner", "confirm"]
    assert best(index, "", seeds={("none.py", 3): 2.0, ("shop/prices.py", 999): 1.0})


def test_functions_that_ran_gain_and_the_others_lose(index: CodeIndex) -> None:
    text, ran = "`confirm` sends nothing of an order", [("shop/orders.py", 6)]
    before = {each.definition.name: each.score for each in rank(index, text)}
    after = {each.definition.name: each.score for each in rank(index, text, executed=ran)}
    assert next(iter(before)) == "confirm"
    assert after["confirm"] < before["confirm"] - 0.5 and after["Order.place"] > before["Order.place"] + 0.3
    assert rank(index, text, executed=[("none.py", 3)])
    assert rank(index, text, executed=[("tests/test_prices.py", 4)], exclude=is_test) == rank(
        index, text, exclude=is_test
    )


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("the cart is wrong", "cart.py", "bill.py"),  # a word of the path
        ("it is in q7.py", "q7.py", "a7.py"),  # the path, which has no words
        ("`deposit` is wrong", "z.py", "b.py"),  # what the file defines; both use it as often
    ],
)
def test_a_definition_has_a_share_of_its_files_score(shop: Any, text: str, first: str, second: str) -> None:
    helper = "def helper():\n    return 1\n"
    shop.files = dict.fromkeys(["cart.py", "bill.py", "q7.py", "a7.py"], helper) | {
        "z.py": f"{helper}\n\ndef deposit():\n    return net\n",
        "b.py": f"{helper}\n\ndef other():\n    return deposit\n",
    }
    index = CodeIndex(None, shop)
    index.refresh()
    scores = {each.definition.path: each.score for each in rank(index, text) if each.definition.name == "helper"}
    assert scores[first] > scores[second]


def test_a_variable_counts_less_than_a_function(shop: Any) -> None:
    shop.files = {"a.py": "total = 3\n", "b.py": "def total():\n    pass\n"}
    index = CodeIndex(None, shop)
    index.refresh()
    found = {each.definition.kind: each.score for each in rank(index, "`total` is wrong")}
    assert found["function"] > found["variable"] + 0.3 and found["variable"] > 0.3


def test_where_nothing_matches_nothing_scores(index: CodeIndex) -> None:
    assert {each.score for each in rank(index, "qqq zzz")} == {0.0}


def test_what_is_used_by_what_scored_gains(shop: Any) -> None:
    shop.files = {
        "a.py": "def entry_point():\n    return deep_cause()\n",
        "b.py": "def deep_cause():\n    return 1\n",
        "c.py": "def unrelated():\n    return 1\n",
    }
    index = CodeIndex(None, shop)
    index.refresh()
    assert best(index, "`entry_point` fails") == ["entry_point", "deep_cause", "unrelated"]


def test_excluded_files_are_left_out_and_the_limit_holds(index: CodeIndex) -> None:
    assert "test_net" in best(index, "net of 119 is wrong in test_net")
    assert "test_net" not in best(index, "net of 119 is wrong in test_net", exclude=is_test)
    assert "test_net" not in best(index, "", seeds={("tests/test_prices.py", 4): 9.0}, exclude=is_test)
    assert len(best(index, "total", limit=2)) == 2


def test_the_order_in_which_files_come_does_not_matter(shop: Any) -> None:
    text = "`Basket.total` adds net prices of the order twice in cart"
    seeds = {("shop/mail.py", 3): 0.3, ("web/sum.js", 1): 0.2}
    expected = None
    for seed in range(4):
        files = list(shop.files.items())
        random.Random(seed).shuffle(files)
        shop.files = dict(files)
        index = CodeIndex(None, shop)
        index.refresh()
        found = rank(index, text, dict(random.Random(seed).sample(list(seeds.items()), 2)))
        expected = expected or found
        assert found == expected
        assert repository_map(index, text, 200) == repository_map(index, text, 200)


def test_nothing_in_the_issue_or_the_index_is_no_error(index: CodeIndex) -> None:
    assert best(index, "") and best(index, "\ud800 \0 (((( `` ``` ` [") and best(index, "x" * 200_000)
    assert rank(CodeIndex(), "total") == [] and repository_map(CodeIndex(), "total", 100) == "no definitions were found"


def test_a_map_shows_the_best_files_with_lines_and_signatures(index: CodeIndex) -> None:
    shown = repository_map(index, "`Basket.total` is wrong", 1_000, exclude=is_test)
    assert shown.startswith("shop/prices.py:\n")
    assert "  12-13       def total(self)" in shown.splitlines()
    assert "tests/" not in shown and "more source files" in shown  # shop/__init__.py has no definitions


@pytest.mark.parametrize("tokens", [60, 100, 200, 450])
def test_a_map_and_an_outline_keep_to_their_budget(shop: Any, tokens: int) -> None:
    shop.files = {
        f"pkg/module{number}.py": "".join(f"def function_{number}_{each}(argument):\n    pass\n" for each in range(40))
        for number in range(20)
    }
    index = CodeIndex(None, shop)
    index.refresh()
    shown = repository_map(index, "`function_7_3` fails", tokens)
    assert shown.startswith("pkg/module7.py:\n") and "function_7_3(" in shown
    assert tokens / 3 < estimate_tokens(shown) <= tokens
    outline = file_outline(index, "pkg/module7.py", tokens)
    assert tokens / 3 < estimate_tokens(outline) <= tokens and "more definitions" in outline


def test_an_outline_shows_nesting_in_the_order_of_lines(index: CodeIndex) -> None:
    assert file_outline(index, "shop/prices.py", 1_000).splitlines() == [
        "shop/prices.py:",
        "  1         RATE = 0.19",
        "  4-5       def net(gross)",
        "  8-13      class Basket",
        "  9-10        def __init__(self)",
        "  12-13       def total(self)",
    ]
    assert file_outline(index, "shop/__init__.py", 100) == "shop/__init__.py: no definitions"
