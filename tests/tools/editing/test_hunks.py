"""Hunks are located in order, by context, anchor or line number, and applied all or none."""

from __future__ import annotations

import pytest

from tools.base import ToolError
from tools.editing.hunks import AppliedHunk, apply_hunks
from tools.editing.patch_format import FileChange, Hunk

TEXT = "class A:\n    x = 1\n\n\nclass B:\n    x = 1\n"


def applied(*hunks: Hunk, text: str = TEXT) -> tuple[str, list[AppliedHunk]]:
    return apply_hunks(text, FileChange("a.py", "update", list(hunks)), "a.py")


def test_an_anchor_says_which_of_two_places_is_meant() -> None:
    changed, (hunk,) = applied(Hunk(["    x = 1"], ["    x = 2"], anchor="class B:"))
    assert changed == TEXT[: TEXT.rindex("1")] + "2\n"
    assert hunk == AppliedHunk(5, 6, "")


def test_a_line_number_says_which_of_two_places_is_meant() -> None:
    changed, _ = applied(Hunk(["    x = 1"], ["    x = 2"], near=2))
    assert changed == TEXT.replace("1", "2", 1)


def test_line_numbers_follow_what_earlier_hunks_add() -> None:
    first = Hunk(["class A:"], ["# one", "# two", "class A:"], near=1)
    changed, hunks = applied(first, Hunk(["    x = 1"], ["    x = 2"], near=6))
    assert changed == "# one\n# two\n" + TEXT[: TEXT.rindex("1")] + "2\n"
    assert [(each.start, each.end) for each in hunks] == [(0, 3), (7, 8)]


def test_the_strategy_that_located_a_hunk_is_named() -> None:
    _, (hunk,) = applied(Hunk(["x = 1", "", "", "class B:"], ["x = 3", "", "", "class B:"]))
    assert "indentation" in hunk.strategy


def test_added_lines_without_context_go_to_the_end_or_after_their_anchor() -> None:
    assert applied(Hunk([], ["# end"]))[0] == TEXT + "# end\n"
    assert applied(Hunk([], ["    y = 2"], anchor="class A:"))[0] == TEXT.replace(":\n", ":\n    y = 2\n", 1)


@pytest.mark.parametrize(
    ("hunk", "message"),
    [
        (Hunk(["    x = 1"], ["    x = 2"]), r"hunk 1 for a.py fits in 2 places \(lines 2, 6\)"),
        (Hunk(["    y = 1"], ["    y = 2"]), "hunk 1 for a.py does not fit"),
        (Hunk(["class A:"], ["class A:"]), "changes nothing"),
        (Hunk([], ["x"], anchor="    x = 1"), "occurs 0 times"),
    ],
)
def test_a_hunk_that_does_not_fit_is_refused(hunk: Hunk, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        applied(hunk)
