"""Calls that differ in form alone are one call; calls that do different things, or give different results, are not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.recovery.call_signature import CallSignatures

REPO = "/workspace/repo"


def keys(name: str, *arguments: dict[str, Any], result: str = "same", ok: bool = True) -> list[str]:
    """The keys of calls of one tool, one after the other."""
    signatures = CallSignatures(REPO)
    return [signatures.signature(name, json.dumps(each), result, ok=ok) for each in arguments]


def commands(*given_: str, result: str = "same") -> list[str]:
    return keys("shell", *({"command": each} for each in given_), result=result)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pytest -q", "  pytest   -q\n"),
        ("pytest -q; ls", "pytest -q ;ls"),
        ("pytest -q&&ls", "pytest -q && ls"),
        ("grep 'a b' x.py", 'grep "a b" x.py'),
        ("grep foo x.py", "grep 'foo' x.py"),
        ("pytest", f"cd {REPO} && pytest"),
        ("pytest", f"cd '{REPO}/' ; pytest"),
        ("pytest", "cd . && cd ./ && pytest"),
        ("cat src/a.py", f"cat {REPO}/src/a.py"),
        ("cat src/a.py", "cat ./src/a.py"),
        ("cat src/a.py", f"cat {REPO}/lib/../src/a.py"),
        ("pytest", "pytest 2>&1"),
        ("pytest", "pytest 2>&1 | cat"),
        ("pytest -x", "pytest -x || true"),
        ("echo 'not closed", "echo   'not closed"),
    ],
)
def test_commands_that_are_one(one: str, other: str) -> None:
    first, second = commands(one, other)
    assert first == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pytest a.py", "pytest b.py"),
        ("echo 'a  b'", "echo 'a b'"),
        ("a && b", "a || b"),
        ("a; b", "a & b"),
        ("a > f", "a >> f"),
        ("python -c 'x=1\ny=2'", "python -c 'x=1 y=2'"),
        ("cat a/b", "cat a/c"),
        ("pytest", "cd /tmp && pytest"),
        ("ls", "cd sub && ls"),
    ],
)
def test_commands_that_are_not(one: str, other: str) -> None:
    first, second = commands(one, other)
    assert first != second


def test_the_shells_directory_is_followed() -> None:
    there, still_there, back = commands("cd sub && make", "make", f"cd {REPO}; make")
    assert there == still_there != back


def test_a_directory_that_is_not_there_is_not_gone_to() -> None:
    signatures = CallSignatures(REPO)
    signatures.signature(
        "shell", '{"command": "cd nowhere && make"}', "bash: line 1: cd: nowhere: No such file or directory"
    )
    assert signatures.signature("shell", '{"command": "make"}', "x") == commands("make", result="x")[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"path": "a.py"}, {"path": "./a.py"}),
        ({"path": "a.py"}, {"path": f" {REPO}/a.py "}),
        ({"path": "a.py"}, {"path": "src/../a.py", "glob": None}),
        ({"pattern": "x"}, {"pattern": "x", "path": ""}),
        ({"pattern": "x", "max_results": 50}, {"pattern": "x", "max_results": 500}),
        ({"start_line": 1}, {"start_line": 1.0}),
    ],
)
def test_arguments_that_are_one(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = keys("search", one, other)
    assert first == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"path": "a.py"}, {"path": "b.py"}),
        ({"path": "a.py"}, {"path": "/a.py"}),
        ({"pattern": "a b"}, {"pattern": "a  b"}),
        ({"n": 1}, {"n": True}),
        ({"n": 0}, {}),
    ],
)
def test_arguments_that_are_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = keys("search", one, other)
    assert first != second


def test_an_edit_is_the_same_whatever_it_shows_of_the_file_but_not_whether_it_succeeds() -> None:
    signatures = CallSignatures(REPO)
    edit = json.dumps({"path": "a.py", "old": "x", "new": "y"})
    one, other = (signatures.signature("edit_file", edit, f"edited line {n}") for n in (3, 90))
    assert one == other != signatures.signature("edit_file", edit, "not found", ok=False)
    assert (
        len(set(keys("edit_file", {"path": "a", "new": "x"}, {"path": "a", "new": " x"}, {"path": "./a", "new": "x"})))
        == 2
    )


# ---------------------------------------------------------------- reading


def page(first: int, last: int, text: str = "code") -> str:
    return f"a.py, lines {first}-{last} of 400:\n" + "\n".join(f"{n}\t{text} {n}" for n in range(first, last + 1))


def readings(*pages: tuple[int, int] | tuple[int, int, str]) -> list[str]:
    signatures = CallSignatures(REPO)
    return [
        signatures.signature(
            "read_file", json.dumps({"path": "a.py", "start_line": each[0], "end_line": each[1]}), page(*each)
        )
        for each in pages
    ]


def test_line_ranges_that_overlap_are_one_reading() -> None:
    assert len(set(readings((1, 100), (1, 99), (2, 100), (5, 105), (10, 100)))) == 1


def test_the_next_page_and_a_closer_look_are_other_readings() -> None:
    assert len(set(readings((1, 100), (101, 200), (201, 300)))) == 3
    assert len(set(readings((1, 400), (10, 20), (210, 220)))) == 3


def test_the_same_lines_with_another_text_are_another_reading() -> None:
    assert len(set(readings((1, 100), (1, 100, "changed")))) == 2


def test_a_file_that_grows_is_another_reading_each_time() -> None:  # peers row 43: a log that is polled
    assert len(set(readings((1, 10), (1, 20), (1, 40), (1, 80)))) == 4


# ---------------------------------------------------------------- anything


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(command=st.text(alphabet="ab '\"\\&|;<>()$`\n#/.", max_size=40), result=st.text(max_size=20))
def test_any_command_has_one_key(command: str, result: str) -> None:
    first, second = commands(command, f"  {command}", result=result)
    assert len(first) == 64 and (first == second or "cd" in command)


def test_a_long_command_costs_little_and_is_compared_by_its_words() -> None:
    long = "cat >f <<'E'\n" + "x = 'it is' \n" * 20_000 + "E"
    one, same, other = commands(long, long.replace(" = ", "  =  "), long + "2")
    assert one == same != other
