"""Tiny task sets of both kinds, their repositories, and a model that solves them whatever the order."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import CALC, call, git, make_repository

RIGHT = [
    call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
    call("submit", summary="add subtracted"),
]

FUNCTION: dict[str, Any] = {
    "task_id": "Python/7",
    "entry_point": "largest",
    "buggy": 'def largest(numbers):\n    """Return the largest number."""\n    return min(numbers)\n',
    "example_test": "def check(largest):\n    assert largest([1, 3, 2]) == 3\ncheck(largest)\n",
    "test": "def check(largest):\n    assert largest([1, 3, 2]) == 3\n    assert largest([-1]) == -1\n\ncheck(largest)",
}
RIGHT_FUNCTION = [
    call("edit_file", path="largest.py", old="min(numbers)", new="max(numbers)"),
    call("submit", summary="it was the smallest"),
]

TEST = "test_double (test_calc.Tests.test_double)"
NEW = "test_negative (test_calc.Tests.test_negative)"


def scripted_by_step(*steps: Any) -> Callable[[dict[str, Any]], Any]:
    """An answer by how many calls the session has made, so that sessions may run side by side."""

    def answer(body: dict[str, Any]) -> Any:
        made = sum(message["role"] == "assistant" for message in body["messages"])
        return steps[min(made, len(steps) - 1)]

    return answer


def calc_row(directory: Path, instance_id: str = "owner__calc-1", **more: Any) -> dict[str, Any]:
    """A row of SWE-bench's columns; its repository is `directory/owner/calc`, with a commit after the base commit."""
    place = directory / "owner" / "calc"
    if not place.exists():
        make_repository(place, CALC)
        (place / "calc.py").write_text(CALC["calc.py"].replace("a - b", "a + b"))
        git(place, "commit", "-qam", "the fix, which the session must not see")
    base = git(place, "rev-parse", "HEAD~1").strip()
    added = "    def test_negative(self):\n        self.assertEqual(add(-1, 1), 0)\n"
    return {
        "instance_id": instance_id,
        "repo": "owner/calc",
        "base_commit": base,
        "problem_statement": "# add gives wrong sums\n\n`add(2, 3)` gives -1 instead of 5.\n",
        "patch": "not looked at",
        "test_patch": patch_of(place, base, "test_calc.py", CALC["test_calc.py"] + "\n" + added),
        "FAIL_TO_PASS": json.dumps([TEST, NEW]),
        "PASS_TO_PASS": [],
        "requirements": ["one==1.0", "two==2.0"],
        "setup_cmd": "mkdir -p $VENV/bin && ln -s $(command -v python3) $VENV/bin/py && cp $REQS ${VENV}/pins",
        "test_cmd": "grep -q two $VENV/pins && $VENV/bin/py -m unittest -v",
        **more,
    }


def patch_of(repository: Path, base: str, path: str, text: str) -> str:
    """The patch that gives a file of the base commit this text."""
    blob = subprocess.run(
        ["git", "-C", str(repository), "hash-object", "-w", "--stdin"],
        input=text, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    return git(repository, "diff", f"{base}:{path}", blob).replace(blob, path)


def write_rows(place: Path, *rows: dict[str, Any]) -> Path:
    """A JSON lines file."""
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place
