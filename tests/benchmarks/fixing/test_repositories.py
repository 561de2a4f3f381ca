"""Repository tasks: the base commit alone, the tests that decide over any answer, the score by the set's lists."""

import json
from pathlib import Path

import pytest
from support import CALC, git, make_repository

from benchmarks.fixing.repositories import RepositoryBug, read_outcomes, repositories

FIX = """\
diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -1,3 +1,3 @@
 def add(a, b):
     \"\"\"Return the sum.\"\"\"
-    return a - b
+    return a + b
"""
NEW_TEST = """\
diff --git a/test_sum.py b/test_sum.py
new file mode 100644
--- /dev/null
+++ b/test_sum.py
@@ -0,0 +1,7 @@
+from calc import add
+
+def test_sum():
+    assert add(2, 3) == 5
+
+def test_nothing():
+    assert add(0, 0) == 0
"""


@pytest.fixture
def task(tmp_path: Path) -> RepositoryBug:
    """A set of one task, its repository with a later commit than the base."""
    source = make_repository(tmp_path / "all" / "somebody+calc" / "repo", {**CALC, ".gitignore": "kept.txt\n"})
    (source / "kept.txt").write_text("ignored, and in the repository\n")
    git(source, "add", "-f", "kept.txt")
    git(source, "commit", "-q", "-m", "kept")
    base = git(source, "rev-parse", "HEAD").strip()
    (source / "later.txt").write_text("the fix, say\n")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "later")
    row = {
        "instance_id": "somebody__calc-1",
        "repo": "somebody/calc",
        "base_commit": base,
        "problem_statement": "wrong sums",
        "patch": FIX,
        "test_patch": NEW_TEST,
        "FAIL_TO_PASS": json.dumps(["test_sum.py::test_sum"]),
        "PASS_TO_PASS": ["test_sum.py::test_nothing"],
        "requirements": ["a==1", "b==2"],
        "setup_cmd": "mkdir -p $VENV && cp $REQS $VENV/pins",
        "test_cmd": "grep -q b==2 $VENV/pins && python3 -c '" + RUNNER + "'",
    }
    (tmp_path / "set.jsonl").write_text(json.dumps(row) + "\n")
    return next(repositories(tmp_path / "set.jsonl", tmp_path / "all"))


# the sandbox's Python may have no pytest: what it ends with, without it
RUNNER = """
import test_sum
print("=== short test summary info ===")
for name in ("test_sum", "test_nothing"):
    try:
        getattr(test_sum, name)()
        print("PASSED test_sum.py::" + name)
    except AssertionError:
        print("FAILED test_sum.py::" + name + " - assert")
"""


def test_the_base_commit_alone(task: RepositoryBug, tmp_path: Path) -> None:
    task.checkout(tmp_path / "repo")
    assert git(tmp_path / "repo", "rev-parse", "HEAD").strip() == task.row["base_commit"]
    assert git(tmp_path / "repo", "log", "--all", "--format=%s").split() == ["kept"]
    assert (tmp_path / "repo" / "kept.txt").exists()
    assert not (tmp_path / "repo" / "later.txt").exists()


def test_as_it_is_not_solved_with_the_fix_solved(task: RepositoryBug, tmp_path: Path) -> None:
    task.checkout(tmp_path / "repo")
    before = task.judge(tmp_path / "repo")
    assert before.fail_to_pass == ("test_sum.py::test_sum",), before.log
    assert before.pass_to_pass == ()
    (tmp_path / "repo" / "calc.py").write_text((tmp_path / "repo" / "calc.py").read_text().replace("a - b", "a + b"))
    assert task.score(tmp_path / "repo")


def test_the_answers_own_form_of_a_deciding_test_does_not_count(task: RepositoryBug, tmp_path: Path) -> None:
    task.checkout(tmp_path / "repo")
    (tmp_path / "repo" / "test_sum.py").write_text("def test_sum():\n    pass\n\n\ndef test_nothing():\n    pass\n")
    assert task.judge(tmp_path / "repo").fail_to_pass == ("test_sum.py::test_sum",)


def test_an_answer_that_breaks_what_passed(task: RepositoryBug, tmp_path: Path) -> None:
    task.checkout(tmp_path / "repo")
    (tmp_path / "repo" / "calc.py").write_text("def add(a, b):\n    return 5\n")
    score = task.judge(tmp_path / "repo")
    assert (score.fail_to_pass, score.pass_to_pass) == ((), ("test_sum.py::test_nothing",))
    assert not score.solved


def test_only_the_last_summary_is_read() -> None:
    log = (
        "PASSED a.py::never\n=== short test summary info ===\nPASSED a.py::older\n"
        "==== short test summary info ====\nPASSED a.py::one\nXFAIL a.py::two - why\nFAILED a.py::three - E\n"
        "PASSED a.py::four[a\nERROR a.py::four[a b]\n"
    )
    assert read_outcomes(log) == ({"a.py::one", "a.py::two"}, {"a.py::three", "a.py::four[a"})
    assert read_outcomes("PASSED a.py::one\n") == (set(), set())
