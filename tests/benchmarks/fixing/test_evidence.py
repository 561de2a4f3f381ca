"""The table of evidence has a row for each issue, with what each rule finds in it."""

import json
import subprocess
import sys

import pytest

from benchmarks.fixing.evidence import evidence_of, table

ISSUE = """add gives wrong sums

>>> from calc import add
>>> add(2, 3)
-1

It should be 5.

  File "/home/me/calc.py", line 2, in add
"""
PATCH = "--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n"


def test_what_the_rules_find_is_counted() -> None:
    counts = evidence_of(ISSUE, PATCH).counts
    found = {name: counts[name] for name in ("runnable", "expected values", "no error", "value", "difference")}
    assert found == dict.fromkeys(found, 1)
    assert counts["call in prose: value"] == 0


@pytest.mark.parametrize(("path", "frames"), [("calc.py", 0), ("pkg/calc.py", 1)])
def test_frames_count_that_lead_into_a_file_of_the_fix(path: str, frames: int) -> None:
    issue = ISSUE.replace("/home/me/calc.py", "/x/site-packages/pkg/calc.py")
    assert evidence_of(issue, PATCH.replace("calc.py", path)).counts["frames in fixed files"] == frames


def test_calls_in_the_prose_count_where_no_code_can_be_run() -> None:
    counts = evidence_of("`add(2, 3)` should be 5", PATCH).counts
    assert counts["call in prose: value"] == counts["call in prose: no error"] == 1


def test_the_table_has_sums() -> None:
    lines = list(table({"a-1": evidence_of(ISSUE, PATCH), "a-2": evidence_of("nothing", PATCH)}))
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["a-1", "a-2", "all", "issues"]


def test_it_prints_a_file(tmp_path) -> None:
    row = {"instance_id": "a-1", "problem_statement": ISSUE, "patch": PATCH}
    (tmp_path / "set.jsonl").write_text(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "benchmarks.fixing.evidence", str(tmp_path / "set.jsonl"), "--checks"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "| a-1 |" in done.stdout and "value: add(2, 3) == 5 (unambiguous)" in done.stdout
