"""The same call with the same result is a loop, alone or in turn with others; a result that changes is progress."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.recovery.stuck import CHANGE_AT, MAX_CYCLE, NUDGE_AT, STOP_AT, WINDOW, Repetition, StuckDetector

ARGUMENTS = '{"command": "pytest"}'


def verdicts(*calls: tuple[str, str, str]) -> list[str]:
    """Each call in a reply of its own."""
    detector = StuckDetector()
    return [verdict(detector, *call)[0] for call in calls]


def verdict(detector: StuckDetector, *call: str) -> Repetition:
    detector.begin_reply()
    return detector.observe(*call)


def test_the_third_time_is_told_the_fourth_demands_a_change_and_the_sixth_ends_it() -> None:
    assert verdicts(*[("shell", ARGUMENTS, "same")] * 7) == ["", "", "nudge", "change", "", "stop", "stop"]


def test_how_often_it_was_seen_is_counted() -> None:
    detector = StuckDetector()
    assert [verdict(detector, "shell", ARGUMENTS, "same")[1] for _ in range(4)] == [1, 2, 3, 4]


def test_two_calls_in_turn_are_a_loop_too() -> None:  # A-B-A-B
    found = verdicts(*[("shell", ARGUMENTS, "a"), ("read_file", "{}", "b")] * 6)
    assert found[4:6] == ["nudge", "nudge"] and found[10:] == ["stop", "stop"]


@pytest.mark.parametrize("length", range(2, MAX_CYCLE + 1))
def test_calls_in_turn_are_told_and_ended_whatever_the_length_of_the_turn(length: int) -> None:
    turn = [("shell", json.dumps({"command": f"step {n}"}), "same") for n in range(length)]
    detector = StuckDetector()
    found = [verdict(detector, *call) for call in turn * STOP_AT]
    stages = [each.stage for each in found]
    assert "nudge" in stages and "change" in stages
    assert stages.index("nudge") < stages.index("change") < stages.index("stop")
    assert stages.index("stop") >= length * (STOP_AT - 1)
    assert found[-1] == ("stop", STOP_AT, length)


def test_a_turn_broken_by_anything_else_is_none() -> None:
    turn = [("shell", json.dumps({"command": f"step {n}"}), "same") for n in range(5)]
    calls = [call for n in range(8) for call in (*turn, ("read_file", json.dumps({"path": str(n)}), "x"))]
    assert "stop" not in verdicts(*calls)


def test_polling_a_result_that_changes_is_spared() -> None:  # peers row 43
    assert set(verdicts(*[("shell", ARGUMENTS, f"{n} of 20 done") for n in range(20)])) == {""}


def test_polling_in_turn_with_a_wait_is_spared_too() -> None:  # peers row 43
    calls = [(("shell", '{"command": "sleep 5"}', f"[{n}]"), ("shell", ARGUMENTS, f"{n}%")) for n in range(20)]
    assert set(verdicts(*[call for pair in calls for call in pair])) == {""}


def test_the_same_call_after_a_change_that_is_new_is_no_repetition() -> None:
    detector = StuckDetector()
    for n in range(3 * STOP_AT):
        detector.begin_reply()
        assert detector.observe("edit_file", json.dumps({"new": str(n)}), "done").stage == ""
        detector.files_changed()
        assert verdict(detector, "run_tests", "{}", "1 failed").stage == ""


def test_a_change_that_a_repeated_call_makes_does_not_spare_it() -> None:
    detector = StuckDetector()
    found = []
    for _ in range(STOP_AT + 1):
        found.append(verdict(detector, "shell", '{"command": "echo x >> log; pytest"}', "1 failed").stage)
        detector.files_changed()
    assert found == ["", "", "", "nudge", "change", "", "stop"]  # the first made it, as far as one can tell


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
        ("2026-01-02T03:04:05.678 started", "2026-11-12T13:14:15.1 started"),
        ("wrote /tmp/tmpab12cd_x/out", "wrote /tmp/tmpzz99yy_q/out"),
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


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(results=st.lists(st.sampled_from("abcdefg"), max_size=60))
def test_nothing_ends_that_was_not_made_often_and_words_are_said_in_their_order(results: list[str]) -> None:
    detector = StuckDetector()
    said: dict[str, int] = {}
    for at, result in enumerate(results):
        stage, times, cycle = verdict(detector, "t", "{}", result)
        lately = results[max(0, at + 1 - WINDOW) : at + 1].count(result)
        assert times >= lately and (cycle == 1) <= (times == lately)
        if cycle > 1:
            turn = results[at + 1 - cycle : at + 1]
            assert results[at + 1 - cycle * times : at + 1] == turn * times
        assert (stage == "stop") == (times >= STOP_AT)
        assert stage != "nudge" or times == NUDGE_AT
        assert stage != "change" or CHANGE_AT <= times < STOP_AT
        said[stage] = said.get(stage, 0) + 1
    assert not said.get("stop") or said.get("nudge")


def test_what_one_reply_calls_many_times_counts_once() -> None:  # peers row 23
    detector = StuckDetector()
    detector.begin_reply()
    assert {detector.observe("read_file", "{}", "same") for _ in range(20)} == {("", 1, 1)}
    assert [verdict(detector, "read_file", "{}", "same")[0] for _ in range(2)] == ["", "nudge"]
