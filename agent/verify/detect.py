"""Which command runs a repository's tests, and which prepares its environment, from the files it has."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

ReadFile = Callable[[str], bytes | None]

_PYTHON_TEST = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
_PYTEST_MARKS = re.compile(r"^\s*(import pytest|from pytest)|^(async )?def test_|@pytest\.", re.MULTILINE)
_MAX_LOOKED_AT = 40

PREPARE_PYTHON = """set -e
venv="$(dirname "$HOME")/venv"
[ -x "$venv/bin/python" ] || python3 -m venv --system-site-packages "$venv"
for file in requirements.txt requirements-dev.txt requirements-test.txt requirements/test.txt test-requirements.txt; do
  [ -f "$file" ] && "$venv/bin/python" -m pip install -q -r "$file"
done
if [ -f pyproject.toml ] || [ -f setup.py ]; then
  # an extra that the project does not have is a warning to pip, no error
  "$venv/bin/python" -m pip install -q -e '.[test,tests,testing]' || "$venv/bin/python" -m pip install -q -e .
fi
"$venv/bin/python" -m pytest --version >/dev/null 2>&1 || "$venv/bin/python" -m pip install -q pytest
"""


def _text(read: ReadFile, path: str) -> str:
    return (read(path) or b"").decode("utf-8", "replace")


def _python_tests(files: Sequence[str], read: ReadFile) -> str:
    tests = [path for path in files if _PYTHON_TEST.search(path)]
    configured = "pytest.ini" in files or any(PurePosixPath(path).name == "conftest.py" for path in files)
    if "pyproject.toml" in files:
        try:
            tool = tomllib.loads(_text(read, "pyproject.toml")).get("tool", {})
        except (tomllib.TOMLDecodeError, RecursionError):
            tool = {}
        configured = configured or "pytest" in tool
    configured = configured or any(
        mark in _text(read, name) for name, mark in (("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]"))
        if name in files
    )  # fmt: skip
    if not tests and not configured:
        return ""
    if configured or any(_PYTEST_MARKS.search(_text(read, path)) for path in tests[:_MAX_LOOKED_AT]):
        return "python3 -m pytest -q"
    if "manage.py" in files:
        return "python3 manage.py test"
    tops = {PurePosixPath(path).parts[0] if "/" in path else "." for path in tests}
    if len(tops) == 1:
        top = tops.pop()
        if top == ".":
            return "python3 -m unittest"
        where = f"-s {top} -t ." if f"{top}/__init__.py" in files else f"-s {top}"
        return f"python3 -m unittest discover {where}"
    return "python3 -m pytest -q"


def _npm_tests(read: ReadFile) -> str:
    try:
        scripts = json.loads(_text(read, "package.json")).get("scripts", {})
    except (json.JSONDecodeError, AttributeError, RecursionError):
        return ""
    command = scripts.get("test", "") if isinstance(scripts, dict) else ""
    return "npm test --silent" if command and "no test specified" not in str(command) else ""


def find_test_command(files: Sequence[str], read: ReadFile) -> str:
    """The test command for a repository with `files` (paths from its root), or an empty string.

    Knows pytest, unittest, Django, npm, go, cargo, make and tox.
    """
    names = set(files)
    python = _python_tests(files, read)
    if python:
        return python
    if "package.json" in names and (npm := _npm_tests(read)):
        return npm
    if "go.mod" in names:
        return "go test ./..."
    if "Cargo.toml" in names:
        return "cargo test --quiet"
    for makefile in ("Makefile", "makefile", "GNUmakefile"):
        if makefile in names and (target := re.search(r"^(test|check):", _text(read, makefile), re.MULTILINE)):
            return f"make {target[1]}"
    return "tox -q" if "tox.ini" in names else ""


def find_setup_command(files: Sequence[str], test_command: str) -> str:
    """What to run, with the network on, when the tests fail for want of their environment; or nothing."""
    names = set(files)
    if "python" in test_command or "pytest" in test_command:
        return PREPARE_PYTHON
    if "npm" in test_command or "node" in test_command:
        return "npm ci --no-audit --no-fund || npm install --no-audit --no-fund"
    if "go.mod" in names and test_command.startswith("go "):
        return "go mod download"
    if "Cargo.toml" in names and test_command.startswith("cargo "):
        return "cargo fetch"
    return ""


_MISSING = re.compile(
    r"ModuleNotFoundError: No module named|No module named [\w.]+$|ImportError while (?:importing|loading)|"
    r"command not found|Cannot find module|ERR_MODULE_NOT_FOUND|sh: \d+: \w+: not found|"
    r"no required module provides|failed to (?:download|get)|Could not resolve host",
    re.MULTILINE,
)


def lacks_environment(output: str, exit_code: int) -> bool:
    """Whether a failed test run failed since something it needs is not installed."""
    return exit_code == 127 or bool(_MISSING.search(output))
