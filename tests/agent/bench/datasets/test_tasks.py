"""Task sets: both kinds of columns, the places they name, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benching import FUNCTION, write_rows

from agent.bench.datasets.tasks import load_tasks, select
from agent.errors import UsageError

ROW: dict[str, Any] = {
    "instance_id": "owner__name-1",
    "repo": "owner/name",
    "base_commit": "0123456789abcdef",
    "problem_statement": "It breaks.\u2028Really.",
    "test_patch": "--- a/tests/test_old.py\n+++ /dev/null\n--- a/tests/test_a.py\n+++ b/tests/test_a.py\n",
    "FAIL_TO_PASS": ["tests/test_a.py::test_x"],
    "PASS_TO_PASS": "[]",
}


def test_the_columns_of_swe_bench(tmp_path: Path) -> None:
    more = {
        "requirements": ["pytest==9.0", "iniconfig==2.0"],
        "setup_cmd": "python3 -m venv $VENV && ${VENV}/bin/pip install -r $REQS $VENVELOPE",
        "test_cmd": "$VENV/bin/python -m pytest -rA",
        "PASS_TO_PASS": '["tests/test_a.py::test_y"]',
        "an extra column": [1, 2],
    }
    (task,) = load_tasks(write_rows(tmp_path / "tasks.jsonl", ROW | more)).tasks
    assert task.issue == "It breaks.\u2028Really."
    assert task.setup.splitlines() == [
        "cat >\"$HOME/../requirements.txt\" <<'PINS'",
        "pytest==9.0",
        "iniconfig==2.0",
        "PINS",
        "python3 -m venv $HOME/../venv && $HOME/../venv/bin/pip install -r $HOME/../requirements.txt $VENVELOPE",
    ]
    assert task.test == "$HOME/../venv/bin/python -m pytest -rA"
    assert (task.fail_to_pass, task.pass_to_pass) == (("tests/test_a.py::test_x",), ("tests/test_a.py::test_y",))
    assert task.test_files == ["tests/test_old.py", "tests/test_a.py"]


def test_a_json_array_is_a_task_set_too(tmp_path: Path) -> None:
    place = tmp_path / "tasks.json"
    place.write_text(json.dumps([ROW, FUNCTION], indent=1))
    assert [task.id for task in load_tasks(place).tasks] == ["owner__name-1", "Python/7"]


@pytest.mark.parametrize("call", ["check(largest)", "\ncheck(largest)\n", ""])
def test_a_function_becomes_a_repository_whose_hidden_test_is_not_in_it(tmp_path: Path, call: str) -> None:
    row = FUNCTION | {"test": "def check(largest):\n    assert largest([7]) == 7\n\n" + call}
    (task,) = load_tasks(write_rows(tmp_path / "tasks.jsonl", row)).tasks
    assert task.directory_name == "Python-7"
    assert set(task.files) == {"largest.py", "test_largest.py"}
    assert not any("[7]" in text for text in [*task.files.values(), task.issue])
    namespace: dict[str, Any] = {"largest": max}
    exec(task.files["test_largest.py"].split("\n\n", 1)[1], namespace)
    namespace["test_largest"]()
    (hidden,) = task.hidden.values()
    assert hidden.count("\ncheck(largest)") == 1


def test_the_original_columns_of_a_function_are_put_together(tmp_path: Path) -> None:
    row = FUNCTION | {"buggy": "", "declaration": "def largest(numbers):\n", "buggy_solution": "    return 1\n"}
    (task,) = load_tasks(write_rows(tmp_path / "tasks.jsonl", row)).tasks
    assert task.files["largest.py"] == "def largest(numbers):\n    return 1\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW | {"repo": "../../etc"}], "task 1: repo"),
        ([ROW, ROW | {"instance_id": "b", "base_commit": "main; rm -rf /"}], "task 2: base_commit"),
        ([ROW | {"FAIL_TO_PASS": "[" * 100_000}], "task 1: FAIL_TO_PASS"),
        ([ROW | {"requirements": ["a\nPINS\nb"]}], "task 1: requirements"),
        ([ROW, ROW], "can't be told apart"),
        ([ROW | {"instance_id": "a/b"}, ROW | {"instance_id": "A-b"}], "can't be told apart"),
        ([FUNCTION | {"task_id": "Go/7"}], "functions in Go are not run"),
        ([FUNCTION | {"entry_point": "os; import sys"}], "task 1: entry_point"),
        ([FUNCTION | {"buggy": ""}], "neither buggy nor"),
        ([{"question": "?"}], "task 1 has neither"),
        ([], "has no tasks"),
    ],
)
def test_what_is_wrong_is_reported_with_its_row(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        load_tasks(write_rows(tmp_path / "tasks.jsonl", *rows))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("tasks.parquet", b"PAR1", "parquet file, which is not read"),
        ("tasks.jsonl", b"{]", "neither JSON nor JSON lines"),
        ("tasks.json", b"[" * 100_000, "neither JSON nor JSON lines"),
        ("tasks.jsonl", b"\xff\xfe", "neither JSON nor JSON lines"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=message):
        load_tasks(tmp_path / name)
    with pytest.raises(UsageError, match="can't be read"):
        load_tasks(tmp_path / "absent.jsonl")


def test_selection(tmp_path: Path) -> None:
    rows = [ROW | {"instance_id": f"{name}-{number}"} for name in ("one", "two") for number in range(3)]
    tasks = load_tasks(write_rows(tmp_path / "tasks.jsonl", *rows)).tasks
    assert [task.id for task in select(tasks, "^two", 2)] == ["two-0", "two-1"]
    assert len(select(tasks, None, None)) == 6
    with pytest.raises(UsageError, match="no task's id matches"):
        select(tasks, "three", None)
    with pytest.raises(UsageError, match="not a regular expression"):
        select(tasks, "(", None)
