"""The same call with the same result is a loop; a result that changes is progress; so is a change, and news."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.recovery.stuck import LIMITS, NUDGE_AT, STOP_AT, WINDOW, Progress, Standstill, StuckDetector

ARGUMENTS = '{"command": "pytest"}'


def verdicts(*calls: tuple[str, str, str]) -> list[str]:
    """Each call in a reply of its own."""
    detector = StuckDetector()
    return [verdict(detector, *call)[0] for call in calls]


def verdict(detector: StuckDetector, *call: str) -> tuple[str, int]:
    detector.begin()
    return detector.observe(*call)


def test_the_third_time_is_told_once_and_the_sixth_ends_it() -> None:
    assert verdicts(*[("shell", ARGUMENTS, "same")] * 7) == ["", "", "nudge", "", "", "stop", "stop"]


def test_how_often_it_was_seen_is_counted() -> None:
    detector = StuckDetector()
    assert [verdict(detector, "shell", ARGUMENTS, "same")[1] for _ in range(4)] == [1, 2, 3, 4]


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
        said, count = verdict(detector, "t", "{}", result)
        assert count == results[max(0, at + 1 - WINDOW) : at + 1].count(result)
        assert said == ("stop" if count >= STOP_AT else "nudge" if count == NUDGE_AT else "")


def test_what_one_reply_calls_many_times_counts_once() -> None:
    detector = StuckDetector()
    detector.begin()
    assert {detector.observe("read_file", "{}", "same") for _ in range(20)} == {("", 1)}
    assert [verdict(detector, "read_file", "{}", "same")[0] for _ in range(2)] == ["", "nudge"]


# ---------------------------------------------------------------- progress


def lacks(*steps: tuple[str, bool], edit: bool = False, ok: bool = True) -> list[Standstill]:
    """What is said of steps, each one observation and whether the workspace changed."""
    progress = Progress()
    said = []
    for text, changed in steps:
        progress.observed(text, edit=edit, ok=ok)
        if lack := progress.step(changed=changed):
            said.append(lack)
    return said


@pytest.mark.parametrize("kind", ["idle", "unedited"])
def test_steps_without_news_or_change_are_told_once_and_then_the_end(kind: str) -> None:
    nudge, stop = LIMITS[kind]  # type: ignore[index]
    reads = [(f"a line never seen, {n}" if kind == "unedited" else "the same line", False) for n in range(stop + 1)]
    said = lacks(*reads[: stop + (kind == "idle")])
    assert [(lack.kind, lack.count, lack.stop) for lack in said] == [(kind, nudge, False), (kind, stop, True)]
    assert str(stop) in said[-1].reason


def test_reading_what_was_read_in_other_pieces_is_no_news() -> None:
    file = [f"{n:4d}\tsome code on this line" for n in range(100)]
    pages = ["\n".join(file[start : start + 30]) for start in range(0, 70, 3)] * 3
    said = lacks(("\n".join(file), False), *((page, False) for page in pages))
    assert said[0].kind == "idle" and not said[0].stop and said[1].stop


def test_polling_a_build_is_progress_to_the_limit_of_unedited_steps() -> None:
    polls = [(f"build running\n{n} of 50 done in 1.{n}s", False) for n in range(LIMITS["unedited"][0] - 1)]
    assert lacks(*polls) == []


def test_a_change_begins_the_count_anew() -> None:
    nudge = LIMITS["idle"][0]
    steps = [("same line", False)] * (nudge - 1) + [("same line", True)]
    assert lacks(*(steps * 5)) == []


def test_edits_that_fail_are_counted_in_a_row() -> None:
    nudge, stop = LIMITS["failed"]
    steps = [(f"not found, nearest is line {n}", False) for n in range(stop)]
    assert [(lack.kind, lack.count, lack.stop) for lack in lacks(*steps, edit=True, ok=False)] == [
        ("failed", nudge, False),
        ("failed", stop, True),
    ]
    progress = Progress()
    for n in range(40):
        progress.observed(f"not found {n}", edit=True, ok=n % nudge == nudge - 1)
        assert progress.step(changed=n % nudge == nudge - 1) is None


def test_thoughts_and_marks_of_what_was_left_out_are_no_news() -> None:
    stop = LIMITS["idle"][1]
    said = lacks(*((f"same line\n[... {n} lines left out ...]", False) for n in range(stop + 1)))
    assert said[-1].kind == "idle" and said[-1].stop
