"""Evidence test by test, in real clean copies: what a patch fixes, what it breaks, what it only hides."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from agent.session.events import Ended, Event, Verification
from agent.verify.baseline import Baseline
from agent.verify.clean_runs import CleanRuns
from agent.verify.comparison import _renamed
from agent.verify.evidence import Verifier
from agent.verify.reports.cases import Case, TestReport
from agent.verify.status import status_of, why_unverified
from agent.verify.suite import TestRunner
from sandbox.local import LocalSandbox
from sandbox.snapshots import Snapshots

CODE = "def add(a, b):\n    return a - b\n\n\ndef old():\n    return 1\n\n\ndef good():\n    return 1\n"
FIXED = CODE.replace("a - b", "a + b")
HEAD = "import unittest\nfrom calc import add, good, old\n\n\nclass T(unittest.TestCase):\n"
ADD = "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n\n"
OLD = "    def test_old(self):\n        self.assertEqual(old(), 2)\n\n"
GOOD = "    def test_good(self):\n        self.assertEqual(good(), 1)\n\n"
NEW_TEST = HEAD + ADD
COMMAND = "python3 -m unittest"
Files = dict[str, str]


def verified(
    place: Path,
    before: Files,
    after: Files,
    *,
    reproduction: str = "",
    command: str = COMMAND,
    issue: str = "",
    by_trying: bool = False,
) -> tuple[Verification, list[Event]]:
    """Verify the change from `before` to `after`, as a session does, with a baseline run first."""
    repo = place / "made"
    repo.mkdir(parents=True)
    for files in (before, after):
        for path in repo.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, text in files.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_text(text)
        git = ["git", "-C", str(repo), "-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
    tar = subprocess.run(["git", "-C", str(repo), "archive", "HEAD~1"], capture_output=True, check=True).stdout
    diff = ["git", "-C", str(repo), "diff", "--no-renames", "--full-index", "HEAD~1", "HEAD"]
    patch = subprocess.run(diff, capture_output=True, check=True).stdout
    names = subprocess.run([*diff, "--name-only"], capture_output=True, text=True, check=True).stdout.split()
    events: list[Event] = []

    async def body() -> Verification:
        sandbox = await LocalSandbox.start(place / "ws")
        try:
            snapshots = Snapshots(sandbox)
            await snapshots.begin(tar)
            await snapshots.keep_pristine()
            tests = TestRunner(sandbox, command, timeout=120)
            baseline, known = await tests.run_in_full("before")
            runs = CleanRuns(sandbox, command, timeout=120, emit=events.append)
            stands = Baseline(baseline, known)
            verifier = Verifier(
                runs,
                stands,
                reproduction=reproduction,
                issue=issue,
                repository_files=list(before),
                read_file=lambda path: before.get(path, "").encode(),
            )
            return await verifier.verify(patch, names, by_trying=by_trying)
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body), events


def status(verification: Verification) -> str:
    return status_of(Ended(status="submitted"), True, verification)


def test_a_failure_as_old_as_the_baseline_does_not_hide_a_fix(tmp_path: Path) -> None:
    tests = HEAD + ADD + OLD + GOOD
    found, _ = verified(tmp_path, {"calc.py": CODE, "test_a.py": tests}, {"calc.py": FIXED, "test_a.py": tests})
    assert status(found) == "fixed"
    assert (found.fixes, found.still_failing, found.broke) == (["test_a.T.test_add"], ["test_a.T.test_old"], [])
    assert found.after is not None and not found.after.passed  # and the exit code is told as it was


def test_a_fix_that_breaks_what_passed_is_none(tmp_path: Path) -> None:
    tests = HEAD + ADD + GOOD
    broken = FIXED.replace("def good():\n    return 1", "def good():\n    return 3")
    found, events = verified(tmp_path, {"calc.py": CODE, "test_a.py": tests}, {"calc.py": broken, "test_a.py": tests})
    assert status(found) == "unverified" and found.broke == ["test_a.T.test_good"]
    assert "test_a.T.test_good" in why_unverified(found)
    assert any(event.about == "what failed, once more" for event in events if event.kind == "tests_ran")


@pytest.mark.parametrize(
    "hidden",
    [
        HEAD + GOOD,
        HEAD + '    @unittest.skip("later")\n' + ADD + GOOD,
        HEAD + ADD.replace("5)", "-1)") + GOOD,
    ],
)
def test_a_failing_test_that_is_taken_away_skipped_or_rewritten_is_no_fix(hidden: str, tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + ADD + GOOD}
    found, _ = verified(tmp_path, before, {"calc.py": CODE + "\n", "test_a.py": hidden})
    assert status(found) == "unverified" and found.fixes == []


def test_a_module_that_skips_what_failed_is_no_fix(tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + ADD + GOOD}
    skipping = CODE.replace("return a - b", "import unittest\n    raise unittest.SkipTest('no')")
    found, _ = verified(tmp_path, before, {"calc.py": skipping, "test_a.py": before["test_a.py"]})
    assert found.after is not None and found.after.passed
    assert status(found) == "unverified" and found.fixes == []


def test_the_tests_a_patch_brings_are_evidence_beside_old_failures(tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + OLD + GOOD}
    found, _ = verified(tmp_path, before, {**before, "calc.py": FIXED, "test_new.py": NEW_TEST})
    assert status(found) == "fixed"
    assert (found.fixes, found.still_failing) == (["test_new.T.test_add"], ["test_a.T.test_old"])
    assert found.before is not None and "test_new.T.test_add" in found.before.failures


def test_tests_a_patch_brings_that_pass_without_it_are_no_evidence(tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + OLD + GOOD}
    found, _ = verified(tmp_path, before, {**before, "calc.py": FIXED, "test_new.py": HEAD + GOOD})
    assert status(found) == "unverified" and found.fixes == []


def test_where_all_passed_new_tests_show_the_fix_and_a_lost_one_is_told(tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + GOOD}
    found, _ = verified(tmp_path / "1", before, {"calc.py": FIXED, "test_a.py": HEAD + GOOD + ADD})
    assert status(found) == "fixed" and found.fixes == ["test_a.T.test_add"]
    gone = FIXED.replace("def good():\n    return 1", "def good():\n    return 3")
    found, _ = verified(tmp_path / "2", before, {"calc.py": gone, "test_a.py": HEAD + ADD})
    assert status(found) == "unverified" and found.broke == ["test_a.T.test_good"]


def test_a_test_that_the_patch_rewrites_to_demand_the_new_is_not_broken(tmp_path: Path) -> None:
    wrong = ADD.replace("test_add", "test_sum").replace("5)", "-1)")
    before = {"calc.py": CODE, "test_a.py": HEAD + wrong + OLD}
    found, _ = verified(tmp_path, before, {"calc.py": FIXED, "test_a.py": HEAD + wrong.replace("-1)", "5)") + OLD})
    assert status(found) == "fixed" and found.fixes == ["test_a.T.test_sum"]


def test_a_file_that_could_not_be_loaded_counts_as_fixed_when_its_tests_pass(tmp_path: Path) -> None:
    before = {"calc.py": CODE.replace("def good", "def bad"), "test_a.py": HEAD + GOOD}
    found, _ = verified(tmp_path, before, {**before, "calc.py": CODE})
    assert status(found) == "fixed" and found.fixes == ["test_a"]


def test_a_reproduction_is_evidence_beside_old_failures(tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + OLD + GOOD}
    check = "python3 -c 'from calc import add; assert add(2, 3) == 5'"
    found, _ = verified(tmp_path / "1", before, {**before, "calc.py": FIXED}, reproduction=check)
    assert status(found) == "fixed" and found.still_failing == ["test_a.T.test_old"]
    found, _ = verified(tmp_path / "2", before, {**before, "calc.py": CODE + "\n"}, reproduction=check)
    assert status(found) == "unverified"


def test_cases_whose_names_change_from_run_to_run_are_not_gone() -> None:
    def report(*names: str) -> TestReport:
        return TestReport(tuple(Case(name, "passed") for name in names), complete=True)

    before = report("t.py::test_at[04:40:04]", "t.py::test_at[a]", "t.py::test_b[1]", "t.py::test_b[2]", "t.py::test_c")
    after = report("t.py::test_at[04:41:10]", "t.py::test_at[a]", "t.py::test_b[1]")
    lost = before.passing - after.passing
    assert _renamed(lost, before, after) == {"t.py::test_at[04:40:04]"}


def test_an_old_test_that_gave_way_to_one_that_demands_the_new_is_told_and_does_not_block(tmp_path: Path) -> None:
    pytest_command = f"{sys.executable} -m pytest -q -p no:cacheprovider"
    wrong = ADD.replace("test_add", "test_sum").replace("5)", "-1)")
    before = {"calc.py": CODE, "test_a.py": HEAD + wrong + OLD}
    replaced = {"calc.py": FIXED, "test_a.py": HEAD + ADD + OLD}
    found, _ = verified(tmp_path / "1", before, replaced, command=pytest_command)
    assert status(found) == "fixed"
    assert (found.rewritten, found.broke) == (["test_a.py::T::test_sum"], [])
    fewer = {"calc.py": CODE, "test_a.py": HEAD + wrong + GOOD + OLD}
    gone = FIXED.replace("def good():\n    return 1", "def good():\n    return 3")
    found, _ = verified(tmp_path / "2", fewer, {**replaced, "calc.py": gone}, command=pytest_command)
    assert status(found) == "unverified"
    assert found.broke == ["test_a.py::T::test_good", "test_a.py::T::test_sum"]


def test_a_change_found_by_trying_needs_two_examples(tmp_path: Path) -> None:
    one = {"calc.py": CODE, "test_a.py": HEAD + ADD + GOOD}
    found, _ = verified(tmp_path / "1", one, {**one, "calc.py": FIXED}, by_trying=True)
    assert status(found) == "unverified" and "one example speaks for it" in why_unverified(found)
    two = {**one, "test_a.py": HEAD + ADD + "        self.assertEqual(add(1, 1), 2)\n\n" + GOOD}
    found, _ = verified(tmp_path / "2", two, {**two, "calc.py": FIXED}, by_trying=True)
    assert status(found) == "fixed"


def test_its_own_tests_are_no_evidence_while_what_the_issue_names_fails(tmp_path: Path) -> None:
    before = {"calc.py": CODE, "test_a.py": HEAD + ADD + GOOD}
    own = "import unittest\nimport calc\n\n\nclass O(unittest.TestCase):\n    def test_x(self):\n"
    after = {**before, "calc.py": CODE + "X = 1\n", "test_own.py": own + "        self.assertEqual(calc.X, 1)\n"}
    found, _ = verified(tmp_path / "1", before, after, issue="`add` subtracts")
    assert found.own_tests and status(found) == "unverified"
    assert "still fails: test_a.T.test_add" in why_unverified(found)
    found, _ = verified(tmp_path / "2", before, after, issue="X is missing")  # an old failure of something else
    assert found.own_tests and status(found) == "fixed"


def test_a_test_that_stands_in_the_code_and_is_emptied_there_is_no_fix(tmp_path: Path) -> None:
    checks = {"checks.py": CODE + "\n\n" + NEW_TEST.replace("from calc import add, good, old\n", "")}
    emptied = {"checks.py": checks["checks.py"].replace("self.assertEqual(add(2, 3), 5)", "pass")}
    found, _ = verified(tmp_path / "1", checks, emptied, command="python3 -m unittest checks")
    assert status(found) == "unverified"
    mended = {"checks.py": checks["checks.py"].replace("a - b", "a + b")}
    found, _ = verified(tmp_path / "2", checks, mended, command="python3 -m unittest checks")
    assert status(found) == "fixed" and found.fixes == ["checks.T.test_add"]


def test_tests_that_the_command_names_and_the_change_brings_show_it(tmp_path: Path) -> None:
    named = f"{sys.executable} -m pytest -q -p no:cacheprovider test_new.py"
    before = {"calc.py": CODE, "test_a.py": HEAD + GOOD}
    found, _ = verified(tmp_path / "1", before, {**before, "calc.py": FIXED, "test_new.py": HEAD + ADD}, command=named)
    assert found.own_tests and status(found) == "fixed"
    found, _ = verified(
        tmp_path / "2", before, {**before, "calc.py": CODE + "\n", "test_new.py": HEAD + GOOD}, command=named
    )
    assert status(found) == "unverified"


EMPTY = ADD.replace("self.assertEqual(add(2, 3), 5)", "pass")
HELPER = "def check(t, value):\n    t.assertEqual(value, 5)\n"
PATCHED = "import unittest\n\nimport calc\n\ncalc.add = lambda a, b: 5\n"


@pytest.mark.parametrize(
    ("before", "after", "command"),
    [
        # a path that ends the reading of the diff
        ({"test_a.py": HEAD + ADD}, {"test_a.py": HEAD + EMPTY, "x b/y.txt": "y\n"}, COMMAND),
        # tests and their helpers under other names
        ({"tests.py": HEAD + ADD}, {"tests.py": HEAD + EMPTY}, "python3 -m unittest tests"),
        (
            {"test_a.py": HEAD.replace("import unittest\n", "import unittest\nfrom unit_tests.util import check\n")
             + ADD.replace("self.assertEqual(add(2, 3), 5)", "check(self, add(2, 3))"), "unit_tests/util.py": HELPER},
            {"unit_tests/util.py": HELPER.replace("t.assertEqual(value, 5)", "pass")},
            COMMAND,
        ),
        ({"test_b.py": HEAD + ADD}, {"testA.py": PATCHED}, COMMAND),
        # what tests compare with
        (
            {"test_a.py": HEAD + ADD.replace("5)", "int(open('testdata/add.golden').read()))"), "testdata/add.golden": "5"},
            {"testdata/add.golden": "-1"},
            COMMAND,
        ),
        # an exit that the code makes by way of the standard library
        (
            {"check.py": "from calc import add\nassert add(2, 3) == 5\n"},
            {"calc.py": "import argparse\nargparse.ArgumentParser().exit()\n" + CODE},
            "python3 -W ignore check.py",
        ),
    ],
)  # fmt: skip
def test_a_cheat_is_no_fix(before: Files, after: Files, command: str, tmp_path: Path) -> None:
    base = {"calc.py": CODE, **before}
    found, _ = verified(tmp_path, base, {**base, "more.py": "", **after}, command=command)
    assert status(found) == "unverified" and (found.still_failing or found.reason)


def test_what_passes_only_with_a_changed_configuration_is_named(tmp_path: Path) -> None:
    pytest_command = f"{sys.executable} -m pytest -q -p no:cacheprovider"
    before = {"calc.py": CODE, "test_a.py": HEAD + ADD + GOOD}
    helper = "import calc\ncalc.add = lambda a, b: a + b\n"
    after = {**before, "calc.py": CODE + "\n", "conftest.py": helper, "pytest.ini": "[pytest]\n"}
    found, _ = verified(tmp_path, before, after, command=pytest_command)
    assert status(found) == "unverified" and found.test_configuration == ["conftest.py", "pytest.ini"]
    assert "changes how tests run: conftest.py, pytest.ini" in why_unverified(found)
