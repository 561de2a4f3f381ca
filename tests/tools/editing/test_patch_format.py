"""Patches are read in both formats, as models write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.base import ToolError
from tools.editing.patch_format import FileChange, Hunk, parse_patch

BEGIN = """*** Begin Patch
*** Update File: a.py
@@ def f():
 x = 1
-y = 2
+y = 3
@@
-z = 1
*** Add File: docs/new.md
+# Title
+
+text
*** Delete File: old.py
*** Update File: b.py
*** Move to: c.py
@@
-one
+two
*** End Patch"""

UNIFIED = """diff --git a/a.py b/a.py
index 1111111..2222222 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@ def f():
 x = 1
-y = 2
+y = 3
 z = 1
@@ -10 +10,2 @@
 w
+v
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1,2 @@
+one
+two
diff --git a/old.py b/old.py
deleted file mode 100644
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-gone
"""


def refused(text: str) -> str:
    with pytest.raises(ToolError) as caught:
        parse_patch(text)
    return str(caught.value)


def test_the_begin_patch_format_is_read_whole() -> None:
    assert parse_patch(BEGIN) == [
        FileChange(
            "a.py",
            "update",
            [Hunk(["x = 1", "y = 2"], ["x = 1", "y = 3"], anchor="def f():"), Hunk(["z = 1"], [])],
        ),
        FileChange("docs/new.md", "add", [Hunk([], ["# Title", "", "text"])]),
        FileChange("old.py", "delete"),
        FileChange("b.py", "update", [Hunk(["one"], ["two"])], move_to="c.py"),
    ]


def test_a_unified_diff_is_read_whole() -> None:
    assert parse_patch(UNIFIED) == [
        FileChange(
            "a.py",
            "update",
            [
                Hunk(["x = 1", "y = 2", "z = 1"], ["x = 1", "y = 3", "z = 1"], near=1),
                Hunk(["w"], ["w", "v"], near=10),
            ],
        ),
        FileChange("new.py", "add", [Hunk([], ["one", "two"], near=0)]),
        FileChange("old.py", "delete", [Hunk(["gone"], [], near=1)]),
    ]


def test_a_unified_diff_needs_neither_git_lines_nor_prefixes_nor_numbers() -> None:
    (change,) = parse_patch("--- src/a.py\t2026-01-01\n+++ src/a.py\t2026-01-02\n@@ ... @@\n-x\n+y")
    assert change == FileChange("src/a.py", "update", [Hunk(["x"], ["y"])])


def test_a_unified_diff_with_two_names_moves_the_file() -> None:
    (change,) = parse_patch("--- a/a.py\n+++ b/b.py\n@@ -1 +1 @@\n-x\n+y\n")
    assert (change.path, change.move_to) == ("a.py", "b.py")


def test_a_fence_around_the_patch_is_taken_off() -> None:
    assert parse_patch(f"```diff\n{UNIFIED}```") == parse_patch(UNIFIED)
    assert parse_patch(f"```\n{BEGIN}\n```\n") == parse_patch(BEGIN)


def test_crlf_in_the_patch_does_not_matter() -> None:
    assert parse_patch(UNIFIED.replace("\n", "\r\n")) == parse_patch(UNIFIED)
    assert parse_patch(BEGIN.replace("\n", "\r\n")) == parse_patch(BEGIN)


def test_begin_and_end_marks_may_be_missing() -> None:
    bare = "\n".join(BEGIN.split("\n")[1:-1])
    assert parse_patch(bare) == parse_patch(BEGIN)


def test_an_empty_line_in_a_hunk_is_empty_context() -> None:
    (change,) = parse_patch("*** Update File: a.py\n@@\n a\n\n-b\n+c\n*** End Patch")
    assert change.hunks == [Hunk(["a", "", "b"], ["a", "", "c"])]


def test_blank_lines_after_a_unified_hunk_are_not_context() -> None:
    (change,) = parse_patch("--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n\n\n")
    assert change.hunks == [Hunk(["a", "c"], ["b", "c"], near=1)]


def test_the_mark_for_a_missing_line_break_is_no_line() -> None:
    (change,) = parse_patch("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n")
    assert change.hunks == [Hunk(["x"], ["y"], near=1)]


def test_line_numbers_are_read_in_the_begin_patch_format_too() -> None:
    (change,) = parse_patch("*** Update File: a.py\n@@ -7,1 +7,1 @@\n-x\n+y\n")
    assert change.hunks == [Hunk(["x"], ["y"], near=7)]


def test_what_is_no_patch_is_refused_with_what_was_expected() -> None:
    for text in ("", "hello", "@@ -1 +1 @@\n-x\n+y"):
        message = refused(text)
        assert "no change found" in message and "*** Update File: path" in message and "+++ b/file" in message


def test_a_file_without_a_hunk_is_refused() -> None:
    assert "a.py but has no hunk" in refused("*** Begin Patch\n*** Update File: a.py\n*** End Patch")
    assert "a.py but has no hunk" in refused("--- a/a.py\n+++ b/a.py\n")


def test_a_line_without_a_mark_is_refused_and_shown() -> None:
    message = refused("*** Update File: a.py\n@@\n-x\nreturn y\n")
    assert "a.py" in message and "'return y'" in message


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
OPERATIONS = st.lists(st.tuples(st.sampled_from(" -+"), TEXT), min_size=1, max_size=8)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(operations=OPERATIONS)
def test_every_line_of_a_hunk_goes_where_its_mark_says(operations: list[tuple[str, str]]) -> None:
    body = "".join(f"{mark}{text}\n" for mark, text in operations)
    (change,) = parse_patch(f"*** Begin Patch\n*** Update File: a\n@@\n{body}*** End Patch\n")
    assert change.hunks[0].old == [text for mark, text in operations if mark in " -"]
    assert change.hunks[0].new == [text for mark, text in operations if mark in " +"]


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(text=st.lists(st.sampled_from([*BEGIN.split("\n"), *UNIFIED.split("\n"), "x", "```"]), max_size=12))
def test_any_text_is_read_or_refused_in_words(text: list[str]) -> None:
    try:
        changes = parse_patch("\n".join(text))
    except ToolError as error:
        assert str(error)
    else:
        assert all(change.path and (change.hunks or change.action != "update" or change.move_to) for change in changes)


def test_removed_dashes_and_added_pluses_are_no_header() -> None:
    changes = parse_patch("--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n x\n--- old comment\n+++ new comment\n y\n")
    assert [change.path for change in changes] == ["q.sql"]
    assert changes[0].hunks[0].old == ["x", "-- old comment", "y"]
    assert changes[0].hunks[0].new == ["x", "++ new comment", "y"]


GIT_HEADERS = """\
diff --git a/old name.py b/new name.py
similarity index 100%
rename from old name.py
rename to new name.py
diff --git a/pkg/__init__.py b/pkg/__init__.py
new file mode 100644
index 0000000..e69de29
diff --git a/empty.txt b/empty.txt
deleted file mode 100644
index e69de29..0000000
diff --git a/code.py b/code.py
index 1111111..2222222 100644
--- a/code.py
+++ b/code.py
@@ -1 +1 @@
-a
+b
"""


def test_what_git_tells_in_a_header_alone_is_not_dropped() -> None:
    found = [(change.path, change.action, change.move_to, len(change.hunks)) for change in parse_patch(GIT_HEADERS)]
    assert found == [
        ("old name.py", "update", "new name.py", 0),
        ("pkg/__init__.py", "add", "", 0),
        ("empty.txt", "delete", "", 0),
        ("code.py", "update", "", 1),
    ]


@pytest.mark.parametrize("line", ["GIT binary patch", "Binary files a/x.png and b/x.png differ"])
def test_binary_files_are_refused_by_name(line: str) -> None:
    with pytest.raises(ToolError, match=r"x\.png, a binary file"):
        parse_patch(f"diff --git a/x.png b/x.png\nindex 1..2 100644\n{line}\n")
