"""What the model is shown is bounded, keeps both ends, and holds nothing a terminal would act on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.text import estimate_tokens, is_unseen, printable, truncate, visible, without_unseen

MARK_TOKENS = 40
WORDS = st.sampled_from(["a", "line of text", "漢字", "é", "\n", "\n", "x" * 40, "🦉"])
TEXTS = st.lists(WORDS, max_size=200).map("".join)


def test_a_text_that_fits_is_given_whole() -> None:
    text = "a\n" * 40
    assert truncate(text, estimate_tokens(text)) == text


def test_the_ends_are_kept_in_whole_lines_and_the_rest_is_counted() -> None:
    text = "".join(f"line {number}\n" for number in range(1000))
    shown = truncate(text, 100)
    head, mark, tail = re.split(r"(\[\.\.\..*\.\.\.\])\n", shown)
    assert text.startswith(head) and text.endswith(tail)
    left = text[len(head) : len(text) - len(tail)]
    lines, characters = map(int, re.findall(r"\d+", mark))
    assert characters == len(left)
    assert lines == left.count("\n") + 1


def test_where_the_rest_is_stands_in_the_mark() -> None:
    assert "left out; the whole output is in /x ...]" in truncate("a\n" * 500, 50, more="the whole output is in /x")


def test_one_long_line_is_cut_inside() -> None:
    shown = truncate("a" * 5000 + "b" * 5000, 100)
    assert shown.startswith("aaa") and shown.endswith("bbb") and "9680 characters left out" in shown


def test_characters_of_several_bytes_count_as_what_they_cost() -> None:
    assert estimate_tokens(truncate("漢" * 10_000, 100)) < 100 + MARK_TOKENS


def test_no_room_at_all_shows_next_to_nothing() -> None:
    assert len(truncate("a" * 10_000, 0)) < 100


def test_half_a_surrogate_pair_does_not_break_it() -> None:
    assert truncate("\udce9" * 1000, 10).count("left out") == 1
    assert estimate_tokens("\udce9") == 1


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(text=TEXTS, tokens=st.integers(1, 200))
def test_the_result_fits_the_budget_and_is_made_of_both_ends(text: str, tokens: int) -> None:
    shown = truncate(text, tokens)
    if estimate_tokens(text) <= tokens:
        assert shown == text
        return
    assert estimate_tokens(shown) <= tokens + MARK_TOKENS
    head, _, tail = re.split(r"\n(\[\.\.\. \d+ lines, \d+ characters left out \.\.\.\])\n", shown)
    assert text.startswith(head) and text.endswith(tail)


# ---------------------------------------------------------------- printable


def test_terminal_escapes_are_taken_out() -> None:
    assert printable("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x \x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\ \x1bM.") == (
        "red x link ."
    )


def test_a_progress_bar_is_reduced_to_its_last_state() -> None:
    assert printable("start\n 10%\r 50%\r100%\ndone\r\n") == "start\n100%\ndone\n"


def test_control_characters_are_shown_as_what_they_are() -> None:
    assert printable("a\x00b\x07\x08\x7f") == "a\\x00b\\x07\\x08\\x7f"
    assert printable("a\x9b31mb\x85") == "a\\x9b31mb\\x85"  # C1: some terminals read U+009B as ESC [


def test_tabs_and_line_breaks_stay() -> None:
    assert printable("a\tb\n\nc") == "a\tb\n\nc"


def test_one_very_long_line_is_no_trouble() -> None:
    assert printable("a" * 500_000) == "a" * 500_000  # by squares of its length this took minutes


CONTROL = st.text(st.sampled_from("a b[]0;m\x1b\x07\r\n\t\x00\x7f\x80\x9b\\é"), max_size=30)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(text=CONTROL | st.text(max_size=20))
def test_nothing_is_left_that_a_terminal_acts_on(text: str) -> None:
    shown = printable(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("+\tx = 'é漢🦉'", "+\tx = 'é漢🦉'"),
        ("a\x1b[2Jb\x07\r\x9bc\x7f\x00", r"a\x1b[2Jb\x07\x0d\x9bc\x7f\x00"),
        ("if \u202e# \u2066admin\u2069", "if <U+202E># <U+2066>admin<U+2069>"),
        ("a\u200bb\ufeff\u00ad\U000e0041\ue000\u3164", r"a<U+200B>b<U+FEFF>\xad<U+E0041><U+E000><U+3164>"),
    ],
)
def test_what_can_not_be_seen_is_written_out_or_taken_out(line: str, shown: str) -> None:
    assert visible(line) == shown
    assert without_unseen(line) == "".join(char for char in line if char == "\t" or not is_unseen(char))
