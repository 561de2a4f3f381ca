"""The same call with the same result is a loop; a result that changes is progress."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.recovery.stuck import NUDGE_AT, STOP_AT, WINDOW, StuckDetector

ARGUMENTS = '{"command": "pytest"}'


def verdicts(*calls: tuple[str, str, str]) -> list[str]:
    detector = StuckDetector()
    return [detector.observe(*call)[0] for call in calls]


def test_the_third_time_is_told_once_and_the_sixth_ends_it() -> None:
    assert verdicts(*[("shell", ARGUMENTS, "same")] * 7) == ["", "", "nudge", "", "", "stop", "stop"]


def test_how_often_it_was_seen_is_counted() -> None:
    detector = StuckDetector()
    assert [detector.observe("shell", ARGUMENTS, "same")[1] for _ in range(4)] == [1, 2, 3, 4]


def test_two_calls_in_turn_are_a_loop_too() -> None:
    found = verdicts(*[("shell", ARGUMENTS, "a"), ("read_file", "{}", "b")] * 6)
    assert found[4:6] == ["nudge", "nudge"] and found[10:] == ["stop", "stop"]


def test_polling_a_result_that_changes_is_spared() -> None:
    assert set(verdicts(*[("shell", ARGUMENTS, f"{n} of 20 done") for n in range(20)])) == {""}


def test_other_arguments_or_another_tool_are_another_call() -> None:
    assert set(verdicts(*[("shell", json.dumps({"command": str(n)}), "same") for n in range(20)])) == {""}
    assert set(verdicts(*[(f"tool{n}", ARGUMENTS, "same") for n in range(20)])) == {""}


def test_the_order_and_spacing_of_arguments_do_not_matter() -> None:
    calls = ['{"a": 1, "b": 2}', '{"b":2,"a":1}', '{ "a" : 1,\n"b" : 2}']
    assert verdicts(*[("t", arguments, "same") for arguments in calls])[-1] == "nudge"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 passed in 0.12s", "3 passed in 14.5s"),
        ("took 1.25 s", "took 0.5 s"),
        ("<A object at 0x7f00aa>", "<A object at 0x7fffbb>"),
        ("12:30:01 started", "12:31:59 started"),
        ("in /ws/outputs/1700000000-3.log", "in /ws/outputs/1700000099-14.log"),
    ],
)
def test_times_and_addresses_are_no_progress(one: str, other: str) -> None:
    assert verdicts(("t", "{}", one), ("t", "{}", other), ("t", "{}", one)) == ["", "", "nudge"]


def test_counts_are_progress() -> None:
    assert verdicts(*[("t", "{}", f"{n} failed, 2 passed in 0.1s") for n in (5, 4, 3, 2)]) == [""] * 4


def test_what_lies_further_back_than_the_window_is_forgotten() -> None:
    others = [("t", json.dumps(n), "x") for n in range(WINDOW)]
    same = [("shell", ARGUMENTS, "same")] * (NUDGE_AT - 1)
    assert verdicts(*same, *others, *same)[-1] == ""


@pytest.mark.parametrize("arguments", ["", "not json", "[1", "\udce9"])
def test_arguments_that_are_no_json_are_compared_as_they_are(arguments: str) -> None:
    assert verdicts(*[("t", arguments, "\udce9")] * 3)[-1] == "nudge"


def test_a_result_of_digits_alone_is_no_trouble() -> None:
    assert verdicts(*[("t", "{}", "1" * 100_000)] * 3)[-1] == "nudge"


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(results=st.lists(st.sampled_from("abcd"), max_size=40))
def test_the_verdict_is_that_of_the_last_calls_alone(results: list[str]) -> None:
    detector = StuckDetector()
    for at, result in enumerate(results):
        verdict, count = detector.observe("t", "{}", result)
        assert count == results[max(0, at + 1 - WINDOW) : at + 1].count(result)
        assert verdict == ("stop" if count >= STOP_AT else "nudge" if count == NUDGE_AT else "")
