"""Running real test commands in a sandbox: what is known of each test, and what is left behind."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from agent.session.events import Event
from agent.text import estimate_tokens
from agent.verify.failure_digest import digest
from agent.verify.flaky import find_flaky, without_flaky
from agent.verify.selection import ran_nothing, selections
from agent.verify.suite import TestRunner
from sandbox.local import LocalSandbox
from tools.base import ToolContext
from tools.registry import Registry

PYTEST = f"{sys.executable} -m pytest -p no:cacheprovider"
UNITTEST = f"{sys.executable} -m unittest"

CALC = """
def lookup(table, name):
    # a comment
    return table[name]


def price(name):
    return lookup({"a": 1}, name)
"""
TESTS = """
import pytest
from calc import price

@pytest.mark.parametrize("name", ["b", "c", "d e"])
def test_price(name):
    assert price(name) == 1

def test_good():
    assert price("a") == 1

@pytest.mark.skip
def test_later():
    pass
"""
UNIT = """
import unittest
from calc import price

class Tests(unittest.TestCase):
    def test_price(self):
        self.assertEqual(price("b"), 1)

    def test_good(self):
        self.assertEqual(price("a"), 1)
"""


def with_runner(
    place: Path, files: dict[str, str], command: str, body: Callable[[TestRunner], Awaitable[Any]], limit: float = 120
) -> Any:
    """`body` with a runner of `command` in a local sandbox whose repository has `files`."""

    async def go() -> Any:
        sandbox = await LocalSandbox.start(place / "ws")
        try:
            for name, text in files.items():
                (place / "ws" / "repo" / name).parent.mkdir(exist_ok=True)
                (place / "ws" / "repo" / name).write_text(text)
            return await body(TestRunner(sandbox, command, timeout=limit))
        finally:
            await sandbox.close(keep=True)

    return anyio.run(go)


def test_a_run_of_pytest_is_known_test_by_test_and_leaves_nothing_in_the_repository(tmp_path: Path) -> None:
    async def body(tests: TestRunner) -> Any:
        ran, report = await tests.run_in_full("before")
        return ran, report, digest(ran, 600, (await tests.sources(ran)).get)

    files = {"calc.py": CALC, "tests/test_calc.py": TESTS, "conftest.py": ""}
    ran, report, told = with_runner(tmp_path, files, f"{PYTEST} tests", body)
    assert ran.failures == [f"tests/test_calc.py::test_price[{name}]" for name in ("b", "c", "d e")]
    assert (ran.tests, ran.failed, ran.passed, report.complete) == (4, 3, False, True)
    assert report.passing == {"tests/test_calc.py::test_good"}
    assert ran.details[0].message == "KeyError: 'b'"
    assert ran.details[0].places == [("tests/test_calc.py", 7), ("calc.py", 8), ("calc.py", 4)]
    assert told.count("KeyError") == 1 and ">    4     return table[name]" in told
    assert estimate_tokens(told) < estimate_tokens(ran.output) / 2
    left = {str(path.relative_to(tmp_path / "ws" / "repo")) for path in (tmp_path / "ws" / "repo").rglob("*")}
    assert left - {"__pycache__"} <= {*files, "tests", "tests/__pycache__"}


def test_a_selection_of_unittest_runs_those_tests_alone_and_one_that_is_gone_ran_nothing(tmp_path: Path) -> None:
    async def body(tests: TestRunner) -> Any:
        ran, report = await tests.run_in_full("before")
        chosen, gone = (
            selections(UNITTEST, failing=failing)[0] for failing in (ran.failures, ["test_calc.Tests.test_gone"])
        )
        narrowed = [await tests.run("candidate", command=each.command, about=each.about) for each in (chosen, gone)]
        return ran, report, *narrowed

    ran, report, first, gone = with_runner(tmp_path, {"calc.py": CALC, "test_calc.py": UNIT}, UNITTEST, body)
    assert ran.failures == ["test_calc.Tests.test_price"] and report.passing == {"test_calc.Tests.test_good"}
    assert report.complete and " ... ok" not in ran.output
    assert first.about == "the tests that failed" and first.tests == 1 and not first.passed
    assert not ran_nothing(first) and ran_nothing(gone)


def test_python_that_loops_tells_where_it_was(tmp_path: Path) -> None:
    loop = "import time\n\n\ndef wait():\n    while True:\n        time.sleep(1)\n\n\nwait()\n"  # costs no processor

    async def body(tests: TestRunner) -> Any:
        ran = await tests.run("reproduction")
        return ran, digest(ran, 300, (await tests.sources(ran)).get)

    ran, told = with_runner(tmp_path, {"loop.py": loop}, f"{sys.executable} loop.py", body, limit=10)
    assert ran.ended == "timeout" and not ran.passed
    assert ran.details[0].places == [("loop.py", 9), ("loop.py", 6)]
    assert "it was here:" in told and "    4 def wait():" in told


def test_a_limit_after_the_baseline_is_short_but_never_above_the_setting(tmp_path: Path) -> None:
    async def body(tests: TestRunner) -> Any:
        ran = await tests.run("before")
        return [tests.limit_after(each) for each in (
            None, ran.model_copy(update={"seconds": 1.0}), ran.model_copy(update={"seconds": 10.0}),
            ran.model_copy(update={"seconds": 100.0}), ran.model_copy(update={"ended": "timeout"}),
        )]  # fmt: skip

    assert with_runner(tmp_path, {}, "true", body) == [120, 20, 60, 120, 120]


def test_a_test_that_passes_when_repeated_is_flaky_and_one_that_fails_is_not(tmp_path: Path) -> None:
    flaky = UNIT + (
        "\n    def test_flaky(self):\n        from pathlib import Path\n        place = Path('/tmp', str(Path.cwd()).replace('/', '_'))\n"
        "        seen = place.exists()\n        place.touch()\n        self.assertTrue(seen)\n"
    )
    events: list[Event] = []

    async def body(tests: TestRunner) -> Any:
        ran = await tests.run("before")
        return ran, await find_flaky(tests, ran.failures, "before", events.append)

    ran, found = with_runner(tmp_path, {"calc.py": CALC, "test_calc.py": flaky}, UNITTEST, body)
    assert len(ran.failures) == 2 and found == {"test_calc.Tests.test_flaky"}
    stable = without_flaky(ran, found)
    assert stable.failures == ["test_calc.Tests.test_price"] and stable.failed == 1 and not stable.passed
    assert without_flaky(ran, frozenset(ran.failures)).passed


def test_the_model_is_shown_the_failures_and_where_the_whole_output_is(tmp_path: Path) -> None:
    async def body(tests: TestRunner) -> Any:
        context = ToolContext(tests._sandbox, 1000, test_command=UNITTEST, run_tests=tests.execute)
        seen = await Registry().run(context, "run_tests", "{}")
        saved = seen.text.rpartition("the whole output is in ")[2].removesuffix("]")
        return seen, await anyio.Path(saved).read_text()

    seen, whole = with_runner(tmp_path, {"calc.py": CALC, "test_calc.py": UNIT}, UNITTEST, body)
    assert seen.text.startswith(f"$ {UNITTEST}\n1 of 2 tests fail\n\nFAIL test_calc.Tests.test_price\nKeyError: 'b'\n")
    assert "[exit code 1; the whole output is in " in seen.text and not seen.ok
    assert "FAILED (errors=1)" in whole and "Traceback" in whole


def test_a_report_that_says_passed_changes_no_exit_code(tmp_path: Path) -> None:
    forged = (
        "import atexit, os\ndef forge():\n    place = os.environ['PYTEST_ADDOPTS'].rpartition('=')[2]\n"
        '    open(place, \'w\').write(\'<testsuite><testcase classname="test_a" name="test_a" file="test_a.py"/></testsuite>\')\n'
        "atexit.register(forge)\n"
    )

    async def body(tests: TestRunner) -> Any:
        return await tests.run_in_full("after")

    files = {"test_a.py": "def test_a():\n    assert 0\n", "conftest.py": forged}
    ran, report = with_runner(tmp_path, files, f"{PYTEST} -q", body)
    assert not ran.passed and ran.failures == ["test_a.py::test_a"]
    assert report.failing == ("test_a.py::test_a",) and not report.passing
