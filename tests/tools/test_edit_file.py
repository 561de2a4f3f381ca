"""An edit changes exactly the region it names, or nothing, and then says why."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext, ToolError
from tools.edit_file import region, replace
from tools.registry import Registry


def edit(text: str, old: str, new: str, *, replace_all: bool = False) -> str:
    return replace(text, old, new, replace_all=replace_all, name="f.py")[0]


def refused(text: str, old: str, new: str, *, replace_all: bool = False) -> str:
    with pytest.raises(ToolError) as caught:
        edit(text, old, new, replace_all=replace_all)
    return str(caught.value)


def test_a_unique_text_is_replaced_even_inside_a_line() -> None:
    assert replace("x = foo(1)\n", "foo", "bar", replace_all=False, name="f") == ("x = bar(1)\n", 0, "")


def test_the_line_of_the_change_is_told() -> None:
    assert replace("a\nb\nc\n", "c", "d", replace_all=False, name="f")[1] == 2


def test_an_ambiguous_text_is_refused_with_its_lines() -> None:
    message = refused("x\ny\nx\n", "x", "z")
    assert "occurs 2 times in f.py (lines 1, 3)" in message
    assert "nothing was changed" in message and "replace_all" in message


def test_overlapping_occurrences_are_ambiguous() -> None:
    assert "(lines 1, 2)" in refused("}\n}\n}\n", "}\n}\n", "]\n")


def test_an_ambiguous_text_is_refused_where_only_blanks_differ() -> None:
    assert "(lines 1, 3)" in refused("    x()\ny\n    x()\n", "x()  ", "z()")


def test_replace_all_replaces_every_occurrence_and_counts_them() -> None:
    assert replace("x y x\nx\n", "x", "z", replace_all=True, name="f") == ("z y z\nz\n", 0, " (3 places)")


def test_replace_all_with_one_occurrence_says_nothing_of_places() -> None:
    assert replace("x\n", "x", "z", replace_all=True, name="f") == ("z\n", 0, "")


def test_replace_all_works_where_trailing_blanks_differ() -> None:
    assert edit("a  \nb\na\t\nb\n", "a\nb\n", "c\n", replace_all=True) == "c\nc\n"


def test_replace_all_leaves_overlapping_regions_whole() -> None:
    assert edit("x\nx\nx\n", "x \nx \n", "y\n", replace_all=True) == "y\nx\n"


def test_trailing_blanks_of_the_file_do_not_matter() -> None:
    changed, line, note = replace("a = 1  \nb = 2\n", "a = 1\nb = 2\n", "a = 3\n", replace_all=False, name="f")
    assert (changed, line) == ("a = 3\n", 0)
    assert note == " (matched with trailing blanks ignored)"


def test_indentation_is_shifted_as_a_whole() -> None:
    text = "class A:\n    def f(self):\n        return 1\n"
    changed, line, note = replace(
        text, "def f(self):\n    return 1", "def f(self):\n    return 2", replace_all=False, name="f"
    )
    assert changed == "class A:\n    def f(self):\n        return 2\n"
    assert (line, note) == (1, " (matched with indentation ignored)")


def test_indentation_that_differs_inside_the_text_is_refused() -> None:
    assert "does not occur" in refused("if x:\n    y()\nz()\n", "if x:\n    y()\n    z()\n", "pass\n")


def test_blank_lines_given_around_the_text_are_not_added() -> None:
    assert edit("a\n\n    foo\n\nb\n", "\nfoo\n\n", "\nbar\n\n") == "a\n\n    bar\n\nb\n"


def test_crlf_is_kept_where_the_old_text_has_lf() -> None:
    changed, _, note = replace("a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n", "a = 3\nb = 4\n", replace_all=False, name="f")
    assert changed == "a = 3\r\nb = 4\r\n"
    assert note == " (matched with line endings ignored)"


def test_crlf_is_kept_where_one_line_becomes_two() -> None:
    assert edit("a = 1\r\nb = 2\r\n", "b = 2", "b = 3\nc = 4") == "a = 1\r\nb = 3\r\nc = 4\r\n"


def test_crlf_in_the_new_text_is_not_doubled() -> None:
    assert edit("a\r\nb\r\n", "a\r\n", "c\r\nd\n") == "c\r\nd\r\nb\r\n"


def test_other_lines_of_a_file_with_both_endings_stay_as_they_are() -> None:
    assert edit("a = 1\r\nb = 2\nc = 3\n", "c = 3 \n", "c = 4\n") == "a = 1\r\nb = 2\nc = 4\n"


def test_the_last_line_keeps_its_line_break() -> None:
    assert edit("def f():\n    pass\n", "def f():\n    pass\n\n", "def f():\n    return 1\n") == (
        "def f():\n    return 1\n"
    )


def test_a_last_line_without_a_line_break_gets_none() -> None:
    assert edit("a\nb", "b\n", "c\n") == "a\nc"


def test_an_empty_new_text_removes_the_lines() -> None:
    assert edit("a\nb  \nc\n", "b\n", "") == "a\nc\n"


def test_a_text_that_is_not_there_is_answered_with_the_nearest_lines() -> None:
    message = refused("import os\n\ndef add(a, b):\n    return a - b\n", "def add(x, b):\n    return x - b\n", "")
    assert "does not occur in f.py; nothing was changed. The nearest lines:" in message
    assert "3\tdef add(a, b):\n4\t    return a - b" in message


def test_a_text_that_is_like_nothing_is_answered_with_what_to_do() -> None:
    assert "Read the file first" in refused("alpha\n", "0123456789", "x")


def test_an_empty_old_text_is_refused() -> None:
    assert "use write_file" in refused("a\n", "", "b")


def test_blanks_alone_are_found_only_exactly() -> None:
    assert edit("a\n\nb\n", "\n\n", "\n") == "a\nb\n"
    assert "does not occur" in refused("a\n", "  ", "b")
    assert "does not occur" in refused("a\n", "\r\n", "b\n")


def test_an_edit_that_changes_nothing_is_refused() -> None:
    assert "the same" in refused("a\n", "a", "a")
    assert "already" in refused("    a\n", "a  ", "a")


def test_the_region_shown_is_numbered_as_other_tools_number_it() -> None:
    assert region("a\x0c\nb\nc\n", 1, "b", around=0) == "2\tb"
    assert region("a\r\nb\r\n", 1, "b") == "1\ta\n2\tb"


def test_the_region_shown_is_bounded() -> None:
    lines = "".join(f"{n}\n" for n in range(500))
    assert region(lines, 0, lines).count("\n") == 59


# ---------------------------------------------------------------- properties

PIECES = st.lists(
    st.tuples(st.sampled_from(["a", "  a", "b", "  b ", "", "\tc"]), st.sampled_from(["\n", "\n", "\r\n"])), max_size=7
).map(lambda pairs: "".join(line + end for line, end in pairs))
OLD = st.one_of(PIECES, st.sampled_from(["a", "b", "a\nb", "\n", " ", "c\n"]))


def named_regions(lines: list[str], old: str) -> list[tuple[int, int]]:
    """Every run of whole lines that has the words of `old`, by a way of looking that is not the tool's."""
    wanted = [line.strip() for line in old.split("\n") if line.strip()]
    spans = [(a, b) for a in range(len(lines)) for b in range(a, len(lines) + 1)]
    return [(a, b) for a, b in spans if [line.strip() for line in lines[a:b] if line.strip()] == wanted]


@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(text=PIECES, old=OLD, new=PIECES)
def test_an_edit_changes_exactly_the_region_it_names_or_raises(text: str, old: str, new: str) -> None:
    try:
        changed = edit(text, old, new)
    except ToolError:
        return
    assert changed != text
    places = [at for at in range(len(text) + 1) if text.startswith(old, at)]
    if places:
        assert len(places) == 1
        before, after = text[: places[0]], text[places[0] + len(old) :]
    else:
        lines = text.splitlines(keepends=True)
        fits = [("".join(lines[:a]), "".join(lines[b:])) for a, b in named_regions(lines, old)]
        before, after = next(
            (b, a) for b, a in fits if changed.startswith(b) and changed.endswith(a) and len(b) + len(a) <= len(changed)
        )
    assert changed.startswith(before) and changed.endswith(after)
    middle = changed[len(before) : len(changed) - len(after)]
    assert [line.strip() for line in middle.split("\n") if line.strip()] == [
        line.strip() for line in new.split("\n") if line.strip()
    ] or places


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(before=PIECES, old=st.text("ab \n\t}é", min_size=1, max_size=9), new=st.text("ab \n", max_size=9), after=PIECES)
def test_a_text_that_occurs_once_is_always_replaced(before: str, old: str, new: str, after: str) -> None:
    text = before + old + after
    assume(old != new and "\r" not in text + new)
    assume(sum(text.startswith(old, at) for at in range(len(text))) == 1)
    assert edit(text, old, new) == before + new + after


# ---------------------------------------------------------------- the tool


def use(directory: Path, files: dict[str, bytes], **arguments: object) -> tuple[Observation, dict[str, bytes]]:
    """Call edit_file in a sandbox with `files`; what it said, and the files afterwards."""

    async def body() -> tuple[Observation, dict[str, bytes]]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            repo = Path(str(sandbox.workspace.repo))
            for name, data in files.items():
                (repo / name).write_bytes(data)
            seen = await Registry().run(ToolContext(sandbox), "edit_file", json.dumps(arguments))
            return seen, {name: (repo / name).read_bytes() for name in files}
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_the_tool_edits_the_file_and_shows_the_region(tmp_path: Path) -> None:
    seen, files = use(tmp_path, {"a.py": b"x = 1\ny = 2\n"}, path="a.py", old="y = 2", new="y = 3")
    assert seen == Observation("a.py edited:\n1\tx = 1\n2\ty = 3")
    assert files == {"a.py": b"x = 1\ny = 3\n"}


def test_the_tool_keeps_bytes_that_are_no_text(tmp_path: Path) -> None:
    seen, files = use(tmp_path, {"a.py": b"# caf\xe9\r\nx = 1\r\n"}, path="a.py", old="x = 1", new="x = 2")
    assert seen.text == "a.py edited:\n1\t# caf?\n2\tx = 2"  # what can't be text is not shown to the model either
    assert files == {"a.py": b"# caf\xe9\r\nx = 2\r\n"}


def test_the_tool_leaves_the_file_when_it_refuses(tmp_path: Path) -> None:
    seen, files = use(tmp_path, {"a.py": b"x\nx\n"}, path="a.py", old="x", new="y")
    assert not seen.ok and "(lines 1, 2)" in seen.text
    assert files == {"a.py": b"x\nx\n"}


def test_the_tool_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    seen, _ = use(tmp_path, {}, path="none.py", old="x", new="y")
    assert not seen.ok and "does not exist" in seen.text
