"""Repetition without end is noticed while it streams, and ordinary text, however regular, is not taken for it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import repetition
from agent.model.repetition import MIN_REPEATED, MIN_TIMES, TAIL, RepetitionWatch, repeats

QUICK = settings(derandomize=True, deadline=None, database=None, max_examples=100)
LINE = "I will look at the file now.\n"
PARAGRAPH = " ".join(f"word{number * 7919 % 1000}" for number in range(100))[:600]
CALL = '<tool_call>\n{"name": "read_file", "arguments": {"path": "calc.py"}}\n</tool_call>\n'
BEGINNING = Path(__file__).read_text()[:3_000]


def noticed(text: str, size: int = 7) -> int | None:
    """After how many characters a reply in pieces of `size` is cut; None when it is not."""
    watch = RepetitionWatch()
    for at in range(0, len(text), size):
        if watch.add(text[at : at + size]):
            return at + size
    return None


@pytest.mark.parametrize("beginning", ["", BEGINNING], ids=["from the start", "after other text"])
@pytest.mark.parametrize("piece", ["a", "\n", "🦉", "ab", LINE, CALL, PARAGRAPH], ids=repr)
@pytest.mark.parametrize("size", [1, 7, 399, 5_000])
def test_the_same_again_and_again_is_noticed_in_time(piece: str, beginning: str, size: int) -> None:
    text = beginning + piece * (20_000 // len(piece))
    at = noticed(text, size)
    enough = max(MIN_REPEATED, MIN_TIMES * len(piece)) + len(piece)
    assert at is not None
    assert at - len(beginning) <= enough + 400 + 2 * size


def test_a_paragraph_of_six_hundred_characters_is_the_longest_that_counts() -> None:
    assert len(PARAGRAPH) == 600
    assert noticed(PARAGRAPH * 12) is not None
    assert noticed(PARAGRAPH * (MIN_TIMES - 1)) is None


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([number * number for number in range(3_000)]),
        json.dumps([[number, 0, 0, 0] for number in range(2_000)], indent=1),
        "\n".join(f"| {number:>6} | {number * 3:>6} | ok |" for number in range(1_000)),
        "\n".join(f"tests/test_{number}.py::test_it PASSED [{number // 10:3d}%]" for number in range(1_000)),
        "\n".join(f"    assert add({number}, 0) == {number}" for number in range(800)),
        "\n".join(f"{number:08x}  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00" for number in range(0, 9000, 16)),
        "\n".join(("=" * 79, "a title", "=" * 79)) * 3,
        "-" * (MIN_REPEATED - 1),
        base64.b64encode(bytes(number * number % 251 for number in range(9_000))).decode(),
        "\n".join(f"- `setting_{number}`: {'the same words for all of them, ' * 2}" for number in range(300)),
    ],
    ids=["squares", "rows", "table", "test log", "asserts", "hex dump", "titles", "a long rule", "base64", "list"],
)
def test_what_is_regular_but_goes_on_is_left_alone(text: str) -> None:
    assert noticed(text) is None


def test_no_file_of_this_project_is_taken_for_repetition() -> None:
    root = Path(repetition.__file__).parents[2]
    files = [
        file for folder in ("agent", "tools", "sandbox", "prompts", "tests") for file in root.glob(f"{folder}/**/*.py")
    ]
    assert len(files) > 50
    assert [file.name for file in files if noticed(file.read_text(), 50) is not None] == []


def test_repetition_that_ends_before_it_is_too_much_is_forgotten() -> None:
    watch = RepetitionWatch()
    for _ in range(10):
        assert not watch.add("a" * (MIN_REPEATED // 2))
        assert not watch.add(BEGINNING)


@QUICK
@given(
    piece=st.text(min_size=1, max_size=TAIL // MIN_TIMES - 100),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=9),
)
def test_any_piece_repeated_is_noticed_wherever_the_stream_is_cut(piece: str, sizes: list[int]) -> None:
    text = piece * (2 * TAIL // len(piece) + 1)
    watch = RepetitionWatch()
    at, step = 0, 0
    while at < len(text):
        size = sizes[step % len(sizes)]
        if watch.add(text[at : at + size]):
            return
        at, step = at + size, step + 1
    raise AssertionError("it was not noticed")


@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(text=st.text("ab", max_size=60))
def test_it_is_what_counting_finds(text: str) -> None:
    def counted() -> bool:
        for length in range(12, len(text) + 1):
            end = text[-length:]
            if any(end[period:] == end[:-period] for period in range(1, length // 3 + 1)):
                return True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repetition, "MIN_REPEATED", 12)
        patch.setattr(repetition, "MIN_TIMES", 3)
        assert repeats(text) == counted()
