"""Steps without news or change are counted, told of, and in the end the end; a change begins the count anew."""

from __future__ import annotations

import pytest

from agent.recovery.progress import LIMITS, ProgressMonitor, Stall
from prompts import render


def stalls(*steps: tuple[str, bool], edit: bool = False, ok: bool = True) -> list[Stall]:
    """What is said of steps, each one observation and whether the workspace changed."""
    progress = ProgressMonitor()
    said = []
    for text, changed in steps:
        progress.observe(text, edit=edit, ok=ok)
        if stall := progress.end_step(changed=changed):
            said.append(stall)
    return said


@pytest.mark.parametrize("kind", ["idle", "unedited"])
def test_steps_without_news_or_change_are_told_twice_and_then_the_end(kind: str) -> None:
    nudge, change, stop = LIMITS[kind]  # type: ignore[index]
    reads = [(f"a line never seen, {n}" if kind == "unedited" else "the same line", False) for n in range(stop + 1)]
    said = stalls(*reads[: stop + (kind == "idle")])
    assert [(stall.kind, stall.count, stall.stage) for stall in said] == [
        (kind, nudge, "nudge"),
        (kind, change, "change"),
        (kind, stop, "stop"),
    ]
    assert str(stop) in said[-1].reason


def test_reading_what_was_read_in_other_pieces_is_no_news() -> None:  # peers row 24
    file = [f"{n:4d}\tsome code on this line" for n in range(100)]
    pages = ["\n".join(file[start : start + 30]) for start in range(0, 70, 3)] * 3
    said = stalls(("\n".join(file), False), *((page, False) for page in pages))
    assert said[0].kind == "idle" and not said[0].stop and said[2].stop


def test_paged_reads_of_ever_new_lines_end_as_well() -> None:  # peers row 24: 164 of them
    pages = [
        ("\n".join(f"{n}\tcode that was not seen before, {n}" for n in range(at, at + 20)), False) for at in range(164)
    ]
    said = stalls(*pages)
    assert [stall.stage for stall in said[:3]] == ["nudge", "change", "stop"]
    assert said[2].count == LIMITS["unedited"].stop < 164


def test_polling_a_build_is_progress_to_the_limit_of_unedited_steps() -> None:  # peers row 43
    polls = [(f"build running\n{n} of 50 done in 1.{n}s", False) for n in range(LIMITS["unedited"].nudge - 1)]
    assert stalls(*polls) == []


def test_a_change_begins_the_count_anew() -> None:
    nudge = LIMITS["idle"].nudge
    steps = [("same line", False)] * (nudge - 1) + [("same line", True)]
    assert stalls(*(steps * 5)) == []


def test_edits_that_fail_are_counted_in_a_row() -> None:
    nudge, change, stop = LIMITS["failed"]
    steps = [(f"not found, nearest is line {n}", False) for n in range(stop)]
    assert [(stall.kind, stall.count, stall.stage) for stall in stalls(*steps, edit=True, ok=False)] == [
        ("failed", nudge, "nudge"),
        ("failed", change, "change"),
        ("failed", stop, "stop"),
    ]
    progress = ProgressMonitor()
    for n in range(40):
        progress.observe(f"not found {n}", edit=True, ok=n % nudge == nudge - 1)
        assert progress.end_step(changed=n % nudge == nudge - 1) is None


def test_thoughts_and_marks_of_what_was_left_out_are_no_news() -> None:
    stop = LIMITS["idle"].stop
    said = stalls(*((f"same line\n[... {n} lines left out ...]", False) for n in range(stop + 1)))
    assert said[-1].kind == "idle" and said[-1].stop


@pytest.mark.parametrize("kind", ["repeat", "failed", "idle", "unedited", "tests"])
def test_another_approach_is_demanded_with_the_tools_there_are(kind: str) -> None:
    roomy, small = (
        render("nudge_change_approach", kind=kind, count=7, cycle=1, names=names)
        for names in (["plan", "undo"], ["shell"])
    )
    assert "7" in roomy and "Call plan with" in roomy and "undo" in roomy
    assert "Begin your next reply with a plan" in small and "undo" not in small
    assert roomy.count("\n") == 1  # what is seen, and what to do
