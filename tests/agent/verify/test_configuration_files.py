"""Which files of a change say how tests run, or shadow the runner."""

from __future__ import annotations

import pytest

from agent.verify.configuration_files import files_that_import_the_runner, files_that_say_how_tests_run

PACKAGE = ["pkg/__init__.py", "src/lib/__init__.py"]


@pytest.mark.parametrize(
    "path",
    [
        "conftest.py", "tests/conftest.py", "pytest.ini", ".pytest.ini", "pyproject.toml", "sub/setup.cfg", "tox.ini",
        "Makefile", "package.json", "jest.config.ts", ".mocharc.cjs", "vitest.config.mts", "Cargo.toml", ".cargo/config",
        "pom.xml", "go.mod", "spec/spec_helper.rb", "sitecustomize.py", "a/usercustomize.py", "x.pth",
        "x.egg-info/entry_points.txt", "node_modules/jest/index.js", "pytest.py", "pytest/__init__.py",
        "_pytest/runner.py", "unittest.py", "unittest/case.py", "src/json.py", "lib/tempfile/__init__.py", "os.cpython-311.so",
        "run_tests.sh", "manage.py", "scripts/check.sh", "swe_agent_pytest.py",
    ],
)  # fmt: skip
def test_what_says_how_tests_run_or_shadows_the_runner(path: str) -> None:
    assert files_that_say_how_tests_run(["a.py", path], "sh scripts/check.sh", PACKAGE) == [path]


@pytest.mark.parametrize(
    "path",
    ["calc.py", "pkg/json.py", "src/lib/types.py", "pkg/unittest/x.py", "README.md", "src/lib.rs", "main.go", "data/json",
     "src/index.js", "test_calc.py", "json/data.txt", "docs/conf.py"],
)  # fmt: skip
def test_what_is_code_or_a_test_stays(path: str) -> None:
    assert files_that_say_how_tests_run([path], "pytest test_calc.py", [*PACKAGE, "test_calc.py"]) == []


def test_a_module_that_was_there_before_shadows_nothing_new() -> None:
    assert files_that_say_how_tests_run(["json.py"], "pytest", ["json.py"]) == []


def patch(path: str, *lines: str) -> bytes:
    body = "".join(f"{line}\n" for line in lines)
    added = sum(not line.startswith("-") for line in lines)
    removed = sum(not line.startswith("+") for line in lines)
    header = f"diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n"
    return f"{header}@@ -1,{removed} +1,{added} @@\n{body}".encode()


@pytest.mark.parametrize(
    "line",
    ["import pytest", "  from _pytest import runner", "import os, unittest", "import unittest.mock as m",
     "import os; import unittest", "if 1: import unittest", "exec('import unittest')", "    unittest",
     "x = sys.modules['pytest']", 'importlib.import_module("unittest.case")'],
)  # fmt: skip
def test_code_outside_the_tests_that_imports_the_runner_is_found(line: str) -> None:
    assert files_that_import_the_runner(patch("calc.py", f"+{line}", " x")) == ["calc.py"]
    assert files_that_import_the_runner(patch("test_calc.py", f"+{line}", " x")) == []
    assert files_that_import_the_runner(patch("calc.py", f"-{line}", f"+{line}  # moved")) == []


@pytest.mark.parametrize(
    "line", ["import pytester_x", "text = 'see pytest docs'", "# import pytest", "unittest_runs = 1"]
)
def test_a_mention_of_the_runner_is_no_import(line: str) -> None:
    assert files_that_import_the_runner(patch("calc.py", f"+{line}", " x")) == []


def test_of_a_patch_that_cannot_be_read_nothing_is_known() -> None:
    assert files_that_import_the_runner(patch("x b/y.txt", "+x")) is None
    assert files_that_import_the_runner(patch("a.txt", *(["+" + "x" * 1000] * 1100))) is None
