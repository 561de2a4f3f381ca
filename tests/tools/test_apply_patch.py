"""A patch is applied whole, at the places it means, or not at all."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext, ToolError
from tools.editing.approximate import ANCHORED
from tools.editing.hunks import apply_hunks
from tools.editing.patch_format import FileChange, Hunk, parse_patch
from tools.registry import Registry

TWICE = "def f():\n    return 1\n\n\ndef g():\n    return 1\n"


def hunks(text: str, *each: Hunk) -> tuple[str, list[str]]:
    changed, landed = apply_hunks(text, FileChange("f.py", "update", list(each)), "f.py")
    return changed, [str(each.start + 1) for each in landed]


def refused(text: str, *each: Hunk) -> str:
    with pytest.raises(ToolError) as caught:
        hunks(text, *each)
    return str(caught.value)


def test_several_hunks_land_in_order_and_are_told_by_their_lines() -> None:
    changed, lines = hunks("a\nb\nc\nd\n", Hunk(["a"], ["A", "A2"]), Hunk(["d"], ["D"]))
    assert (changed, lines) == ("A\nA2\nb\nc\nD\n", ["1", "5"])


def test_a_hunk_is_looked_for_after_the_one_before() -> None:
    assert hunks("x\ny\nx\n", Hunk(["y"], ["Y"]), Hunk(["x"], ["X"]))[0] == "x\nY\nX\n"


def test_an_ambiguous_hunk_is_refused_with_the_lines_it_fits() -> None:
    message = refused(TWICE, Hunk(["    return 1"], ["    return 2"]))
    assert "hunk 1 for f.py fits in 2 places (lines 2, 6)" in message


def test_a_line_number_decides_between_places() -> None:
    changed, lines = hunks(TWICE, Hunk(["    return 1"], ["    return 2"], near=6))
    assert (changed, lines) == ("def f():\n    return 1\n\n\ndef g():\n    return 2\n", ["6"])


def test_a_line_number_counts_in_the_file_before_the_patch() -> None:
    changed, _ = hunks(
        TWICE, Hunk(["def f():"], ["import os", "def f():"]), Hunk(["    return 1"], ["    return 2"], near=6)
    )
    assert changed == "import os\ndef f():\n    return 1\n\n\ndef g():\n    return 2\n"


def test_a_line_number_that_fits_no_place_decides_nothing() -> None:
    assert "fits in 2 places" in refused(TWICE, Hunk(["    return 1"], ["    return 2"], near=4))


def test_a_wrong_line_number_does_not_matter_where_only_one_place_fits() -> None:
    assert hunks("a\nb\n", Hunk(["b"], ["c"], near=70))[0] == "a\nc\n"


def test_an_anchor_decides_between_places() -> None:
    changed, _ = hunks(TWICE, Hunk(["    return 1"], ["    return 2"], anchor="def g():"))
    assert changed.endswith("def g():\n    return 2\n") and changed.startswith("def f():\n    return 1\n")


def test_added_lines_alone_go_after_their_anchor_or_line_or_to_the_end() -> None:
    added = ["new"]
    assert hunks("a\nb\n", Hunk([], added, anchor="a"))[0] == "a\nnew\nb\n"
    assert hunks("a\nb\n", Hunk([], added, near=1))[0] == "a\nnew\nb\n"
    assert hunks("a\nb\n", Hunk([], added, near=0))[0] == "new\na\nb\n"
    assert hunks("a\nb\n", Hunk([], added))[0] == "a\nb\nnew\n"
    assert hunks("a\nb\n", Hunk([], added, near=99))[0] == "a\nb\nnew\n"


def test_an_anchor_that_is_not_unique_is_refused() -> None:
    assert "occurs 2 times" in refused("a\na\n", Hunk([], ["new"], anchor="a"))
    assert "occurs 0 times" in refused("a\n", Hunk([], ["new"], anchor="z"))


def test_a_hunk_that_fits_nowhere_is_answered_with_the_nearest_lines() -> None:
    message = refused("def add(a, b):\n    return a - b\n", Hunk(["def add(x, b):", "    return x - b"], ["pass"]))
    assert "hunk 1 for f.py does not fit; nothing was changed. The nearest lines:\n1\tdef add(a, b):" in message


def test_a_patch_that_changes_nothing_is_refused() -> None:
    assert "changes nothing in f.py" in refused("a\n", Hunk(["a"], ["a"]))


def test_crlf_is_kept() -> None:
    assert hunks("a\r\nb\r\n", Hunk(["a"], ["x", "y"]))[0] == "x\r\ny\r\nb\r\n"


def test_other_lines_of_a_file_with_both_endings_stay_as_they_are() -> None:
    assert hunks("a\nb\r\nc\n", Hunk(["a"], ["x"]))[0] == "x\nb\r\nc\n"


def test_an_anchor_names_the_block_it_opens() -> None:
    changed, _ = hunks(TWICE, Hunk(["    return 1"], ["    return 2"], anchor="def f():"))
    assert changed == TWICE.replace("1", "2", 1)


def test_an_anchor_whose_block_has_two_places_decides_nothing() -> None:
    text = "def f():\n    x\n    y\n    x\n"
    assert "(lines 2, 4)" in refused(text, Hunk(["    x"], ["    z"], anchor="def f():"))


def test_lines_of_context_keep_the_files_own_characters() -> None:
    changed, _ = hunks("s = \u201ca\u201d  \nx\n", Hunk(['s = "a"', "x"], ['s = "a"', "y"]))
    assert changed == "s = \u201ca\u201d  \ny\n"


def test_elided_lines_of_a_hunk_are_kept() -> None:
    assert hunks("a\nb\nc\nd\n", Hunk(["a", "...", "d"], ["a", "...", "e"]))[0] == "a\nb\nc\ne\n"


def test_a_last_line_without_a_line_break_goes_on_so() -> None:
    assert hunks("a\nb", Hunk(["b"], ["b", "c"]))[0] == "a\nb\nc"
    assert hunks("a\nb", Hunk([], ["c"]))[0] == "a\nb\nc"
    assert hunks("\ufeffa\n", Hunk(["a"], ["b"]))[0] == "\ufeffb\n"


ENDED = st.tuples(st.sampled_from(["a", "  a", "b ", "\tc", "", "\u201cd\u201d"]), st.sampled_from(["\n", "\r\n"]))
HUNK_LINES = st.lists(st.sampled_from(["a", "b", "c", "", '"d"']), max_size=3)
HUNKS = st.lists(st.builds(Hunk, HUNK_LINES, HUNK_LINES), min_size=1, max_size=3)


def words(lines: list[str]) -> list[str]:
    return [line.strip().replace("\u201c", '"').replace("\u201d", '"') for line in lines if line.strip()]


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(pairs=st.lists(ENDED, max_size=9), each=HUNKS)
def test_lines_that_no_hunk_names_keep_every_byte(pairs: list[tuple[str, str]], each: list[Hunk]) -> None:
    before = [line + end for line, end in pairs]
    change = FileChange("f", "update", each)
    try:
        changed, landed = apply_hunks("".join(before), change, "f")
    except ToolError as error:
        assert str(error)
        return
    assert (changed, landed) == apply_hunks("".join(before), change, "f")
    if any(place.strategy == ANCHORED for place in landed):
        return  # lines between are kept that the hunk does not name: see test_approximate.py
    after = changed.splitlines(keepends=True)
    at, reached = 0, {0}  # how far `before` may have been walked: blank lines may belong to a hunk or not
    for hunk, place in zip(each, landed, strict=True):
        between = after[at : place.start]
        starts = [p + len(between) for p in reached if before[p : p + len(between)] == between]
        ends = [(p, q) for p in starts for q in range(p, len(before) + 1)]
        reached = {q for p, q in ends if words(before[p:q]) == words(hunk.old)}
        assert words(after[place.start : place.end]) == words(hunk.new)
        at = place.end
    assert any(before[p:] == after[at:] for p in reached)


LINES = st.lists(st.sampled_from(["a", "b", "c", "  a", "", "d"]), min_size=1, max_size=12)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(before=LINES, after=LINES)
def test_a_real_diff_gives_the_text_it_was_made_for(before: list[str], after: list[str]) -> None:
    old, new = (["start", *lines, "end"] for lines in (before, after))
    patch = "\n".join(difflib.unified_diff(old, new, "a/f", "b/f", lineterm="", n=1))
    if old == new:
        return
    (change,) = parse_patch(patch)
    text, wanted = ("\n".join(lines) + "\n" for lines in (old, new))
    try:
        changed, _ = apply_hunks(text, change, "f")
    except ToolError as error:
        assert "places" in str(error)
    else:
        assert changed == wanted


# ---------------------------------------------------------------- the tool


def contents(repo: Path) -> dict[str, str]:
    return {str(path.relative_to(repo)): path.read_text() for path in sorted(repo.rglob("*")) if path.is_file()}


Faults = Callable[[str, str], list[str]]


def apply(
    directory: Path, files: dict[str, str], patch: str, faults: Faults | None = None
) -> tuple[Observation, dict[str, str]]:
    """Call apply_patch in a sandbox with `files`; what it said, and all files afterwards."""

    async def body() -> tuple[Observation, dict[str, str]]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            repo = Path(str(sandbox.workspace.repo))
            for name, text in files.items():
                (repo / name).parent.mkdir(parents=True, exist_ok=True)
                (repo / name).write_text(text)
            context = ToolContext(sandbox, syntax_errors=faults)
            seen = await Registry().run(context, "apply_patch", json.dumps({"patch": patch}))
            return seen, contents(repo)
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_one_patch_updates_adds_deletes_and_moves(tmp_path: Path) -> None:
    files = {"a.py": "x = 1\n", "old.py": "gone\n", "b.py": "one\nrest\n"}
    patch = (
        "*** Begin Patch\n*** Update File: a.py\n@@\n-x = 1\n+x = 2\n*** Add File: deep/er/new.py\n+new\n"
        "*** Delete File: old.py\n*** Update File: b.py\n*** Move to: c.py\n@@\n-one\n+two\n*** End Patch"
    )
    seen, after = apply(tmp_path, files, patch)
    assert seen.ok
    assert seen.text.splitlines() == [
        "a.py changed at line 1:",
        "1\tx = 2",
        "deep/er/new.py added, 1 lines",
        "old.py deleted",
        "c.py changed at line 1:",
        "1\ttwo",
        "2\trest",
    ]
    assert after == {"a.py": "x = 2\n", "c.py": "two\nrest\n", "deep/er/new.py": "new\n"}


def test_a_unified_diff_over_two_files_is_applied(tmp_path: Path) -> None:
    patch = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+new\n"
    seen, after = apply(tmp_path, {"a": "1\n"}, patch)
    assert seen.ok and after == {"a": "2\n", "b": "new\n"}


def test_a_move_alone_keeps_the_text(tmp_path: Path) -> None:
    seen, after = apply(tmp_path, {"a": "1\n"}, "*** Update File: a\n*** Move to: b\n")
    assert seen == Observation("b moved there") and after == {"b": "1\n"}


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ("*** Update File: b\n@@\n-no such line\n+y", "does not fit"),
        ("*** Update File: none\n@@\n-x\n+y", "does not exist"),
        ("*** Delete File: none", "does not exist"),
        ("*** Add File: b\n+y", "exists already"),
        ("*** Add File: a\n+y", "exists already"),
        ("*** Add File: b/inner\n+y", "nothing was changed"),
        ("*** Update File: b\n*** Move to: a\n@@\n-keep\n+y", "exists already"),
        ("*** Add File: n\n+1\n*** Add File: n\n+2", "exists already"),
        ("*** Delete File: b\n*** Update File: b\n@@\n-keep\n+y", "after it took it away"),
        ("*** Add File: ../../../etc/x\n+y", "outside the workspace"),
    ],
)
def test_when_a_later_part_is_refused_nothing_is_changed(tmp_path: Path, second: str, why: str) -> None:
    files = {"a": "1\n", "b": "keep\n"}
    seen, after = apply(tmp_path, files, f"*** Begin Patch\n*** Update File: a\n@@\n-1\n+2\n{second}\n*** End Patch")
    assert not seen.ok and why in seen.text
    assert after == files


def test_what_was_written_is_put_back_when_a_later_file_can_not_be(tmp_path: Path) -> None:
    files = {"a": "1\n", "b": "keep\n"}
    patch = f"*** Update File: a\n@@\n-1\n+2\n*** Delete File: b\n*** Add File: {'n' * 300}\n+x\n"
    seen, after = apply(tmp_path, files, patch)
    assert not seen.ok and "can't be written" in seen.text and "nothing was changed" in seen.text
    assert after == files


def test_a_patch_that_breaks_the_syntax_is_told(tmp_path: Path) -> None:
    patch = "*** Update File: a.py\n@@\n-x = 1\n+x = 1)\n*** Add File: b.py\n+)\n"
    seen, _ = apply(tmp_path, {"a.py": "x = 1\n"}, patch, lambda _, text: ["line 1: stray )"] * text.count(")"))
    assert seen.text.count("has a syntax error that it did not have before:\nline 1: stray )\nMend it.") == 2
