"""`read_file` numbers the lines asked for, and says what is wrong with a place it can't show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext
from tools.registry import Registry

FILES = {
    "a.txt": b"one\ntwo\nthree\n",
    "open.txt": b"one\ntwo",
    "dos.txt": b"one\r\ntwo\r\n",
    "feed.txt": b"one\x0cstill one\ntwo \xe2\x80\xa8 still two\nthree\n",
    "latin.txt": b"caf\xe9\n",
    "empty.txt": b"",
    "blank.txt": b"\n",
    "binary": b"PNG\0\1\2",
    "long.txt": b"".join(b"line %d\n" % number for number in range(1, 3001)),
    "-dash 'quote'.txt": b"odd name\n",
}

Prepare = Callable[[Path], object]


def read(
    directory: Path, *calls: dict[str, object], tokens: int = 10_000, prepare: Prepare = lambda _: None
) -> list[Observation]:
    """Make calls of read_file in a sandbox that holds `FILES` and an empty folder."""

    async def body() -> list[Observation]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            repo = Path(str(sandbox.workspace.repo))
            (repo / "folder").mkdir()
            for name, data in FILES.items():
                (repo / name).write_bytes(data)
            prepare(repo)
            context = ToolContext(sandbox, tokens)
            return [await Registry().run(context, "read_file", json.dumps(call)) for call in calls]
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_a_file_is_shown_with_line_numbers(tmp_path: Path) -> None:
    whole, unended, dos = read(tmp_path, {"path": "a.txt"}, {"path": "open.txt"}, {"path": "dos.txt"})
    assert whole == Observation("a.txt, lines 1-3 of 3:\n1\tone\n2\ttwo\n3\tthree")
    assert unended.text == "open.txt, lines 1-2 of 2:\n1\tone\n2\ttwo"
    assert dos.text == "dos.txt, lines 1-2 of 2:\n1\tone\n2\ttwo"


def test_ranges_are_inclusive_and_bounded_by_the_file(tmp_path: Path) -> None:
    middle, tail, over, low = read(
        tmp_path,
        {"path": "a.txt", "start_line": 2, "end_line": 2},
        {"path": "a.txt", "start_line": 2},
        {"path": "a.txt", "start_line": 3, "end_line": 99},
        {"path": "a.txt", "start_line": -5, "end_line": 1},
    )
    assert middle.text == "a.txt, lines 2-2 of 3:\n2\ttwo"
    assert tail.text == "a.txt, lines 2-3 of 3:\n2\ttwo\n3\tthree"
    assert over.text == "a.txt, lines 3-3 of 3 (there is no line 99):\n3\tthree"
    assert low.text == "a.txt, lines 1-1 of 3:\n1\tone"


def test_ranges_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    beyond, reversed_ = read(
        tmp_path, {"path": "a.txt", "start_line": 4}, {"path": "a.txt", "start_line": 3, "end_line": 2}
    )
    assert beyond == Observation("a.txt has 3 lines", ok=False)
    assert reversed_ == Observation("end_line 2 is before start_line 3", ok=False)


def test_lines_are_counted_as_grep_and_compilers_count_them(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, {"path": "feed.txt", "start_line": 3})
    assert seen.text == "feed.txt, lines 3-3 of 3:\n3\tthree"


def test_an_empty_file_and_a_blank_line_are_told_apart(tmp_path: Path) -> None:
    empty, blank = read(tmp_path, {"path": "empty.txt"}, {"path": "blank.txt"})
    assert empty == Observation("empty.txt is empty")
    assert blank == Observation("blank.txt, lines 1-1 of 1:\n1\t")


def test_bytes_that_are_no_text_are_shown_as_question_marks(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, {"path": "latin.txt"})
    assert seen.ok and seen.text.endswith("1\tcaf?")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("binary", "is a binary file (6 bytes)"),
        ("none.txt", "does not exist"),
        ("/dev/null", "outside the workspace"),
        ("../../outside", "outside the workspace"),
    ],
)
def test_what_can_not_be_shown_is_refused_with_the_reason(tmp_path: Path, path: str, why: str) -> None:
    (seen,) = read(tmp_path, {"path": path})
    assert not seen.ok and why in seen.text


def test_a_directory_is_listed(tmp_path: Path) -> None:
    empty, listed = read(tmp_path, {"path": "folder"}, {"path": "."})
    assert empty == Observation("folder is an empty directory")
    assert listed.text.splitlines()[:3] == [". is a directory:", "-dash 'quote'.txt", "a.txt"]
    assert "folder/" in listed.text.splitlines()


def test_a_long_directory_is_cut_and_says_so(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, {"path": "many"}, prepare=fill)
    assert len(seen.text.splitlines()) == 202 and seen.text.endswith("[... more than 200 names ...]")


def fill(repo: Path) -> None:
    (repo / "many").mkdir()
    for number in range(250):
        (repo / f"many/{number:03}").touch()


def test_a_path_that_is_nearly_right_is_answered_with_the_one_meant(tmp_path: Path) -> None:
    def prepare(repo: Path) -> None:
        for name in ("src/pkg/handler.py", "lib/other/handler.py", "node_modules/handler.py"):
            (repo / name).parent.mkdir(parents=True)
            (repo / name).write_text("x\n")

    moved, misspelt, other = read(
        tmp_path, {"path": "pkg/handler.py"}, {"path": "src/pkg/handlr.py"}, {"path": "zzz"}, prepare=prepare
    )
    assert moved.text == "pkg/handler.py does not exist. Did you mean src/pkg/handler.py or lib/other/handler.py?"
    assert misspelt.text.endswith("Did you mean src/pkg/handler.py or lib/other/handler.py?")
    assert other.text == "zzz does not exist."


def test_a_byte_order_mark_is_not_shown(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, {"path": "m"}, prepare=lambda repo: (repo / "m").write_bytes(b"\xef\xbb\xbfone\n"))
    assert seen.text == "m, lines 1-1 of 1:\n1\tone"


def test_absolute_paths_and_odd_names_are_read(tmp_path: Path) -> None:
    absolute, odd = read(
        tmp_path, {"path": f"{tmp_path.resolve()}/ws/repo/a.txt"}, {"path": "-dash 'quote'.txt", "end_line": 1}
    )
    assert absolute.text.startswith("a.txt, lines 1-3 of 3:")
    assert odd.text == "-dash 'quote'.txt, lines 1-1 of 1:\n1\todd name"


def test_a_long_file_is_cut_and_says_how_to_see_the_rest(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, {"path": "long.txt"}, tokens=200)
    assert seen.text.startswith("long.txt, lines 1-3000 of 3000:\n1\tline 1\n")
    assert seen.text.endswith("\n3000\tline 3000")
    assert "ask for them with start_line and end_line" in seen.text
    assert len(seen.text) < 1000
